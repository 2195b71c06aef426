"use strict";
// Draws the findings table from the JSON block: search, filters, sorting, marking. Text only ever becomes textContent.
(() => {
  const CHUNK = 60;
  const SEVERITIES = ["critical", "high", "medium", "low", "info"];
  const DECISIONS = [["", "–"], ["accepted_risk", "accepted risk"], ["false_positive", "false positive"], ["must_fix", "must fix"]];
  const HIDDEN = /[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufe00-\ufe0f\ufff9-\ufffb\ufdd0-\ufdef\ufffe\uffff\u{e0000}-\u{e0fff}\ud800-\udfff]/gu;

  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("findings-data").textContent);
  const { strings, columns, rules } = data;
  const total = columns.rule.length;
  const text = (name, i) => { const at = columns[name][i]; return at === null ? "" : strings[at]; };
  const escaped = (value) => value.replace(HIDDEN, (char) => {
    const hex = char.codePointAt(0).toString(16);
    return hex.length <= 2 ? "\\x" + hex.padStart(2, "0") : hex.length <= 4 ? "\\u" + hex.padStart(4, "0") : "\\U" + hex.padStart(8, "0");
  });

  const haystack = new Array(total);
  for (let i = 0; i < total; i++) {
    haystack[i] = (text("file", i) + "\n" + text("id", i) + "\n" + text("rule", i) + "\n" + text("evidence", i)).toLowerCase();
  }

  // ---- decisions, remembered by the browser for this run only ----
  const store = "auditkit:" + document.documentElement.dataset.run;
  const decisions = new Map();
  const keyOf = (i) => text("fingerprint", i) + "\n" + text("rule", i) + "\n" + text("field", i);
  const remember = () => { try { localStorage.setItem(store, JSON.stringify([...decisions])); } catch { /* private mode */ } };
  try { for (const [key, value] of JSON.parse(localStorage.getItem(store) || "[]")) decisions.set(key, value); } catch { /* none kept */ }

  // ---- elements ----
  const make = (name, attributes, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };
  const shown = (value) => {
    if (value === "") return make("span", { class: "none" }, "–");
    return make("bdi", value.split(" ").some((word) => word.length > 40) ? { class: "long" } : {}, value);
  };

  const table = byId("findings");
  const body = table.tBodies[0];
  const search = byId("search");
  const filters = { severity: byId("filter-severity"), rule: byId("filter-rule"), action: byId("filter-action") };
  const decided = byId("filter-decision");
  const all = byId("mark-all");

  const particulars = (i) => {
    const list = make("dl", {});
    const add = (name, value) => { if (value !== "" && value !== null) list.append(make("dt", {}, name), make("dd", {}, shown(String(value)))); };
    const [summary, why] = rules[text("rule", i)] || ["", ""];
    add("What it says", summary);
    add("Why it matters", why);
    if (columns.raw) add("Raw text", text("raw", i));
    add("Field", text("field", i));
    if (columns.start[i] !== null) add("Characters", columns.start[i] + " to " + columns.end[i]);
    add("Line", columns.line[i]);
    add("Detail", text("detail", i));
    add("Group", text("group", i));
    add("Fingerprint", text("fingerprint", i));
    return list;
  };

  const evidence = (i) => {
    const details = make("details", {}, make("summary", {}, text("evidence", i) === "" ? "more" : shown(text("evidence", i))));
    details.addEventListener("toggle", () => { if (details.open && details.children.length === 1) details.append(particulars(i)); });
    return details;
  };

  const decisionCell = (i) => {
    const key = keyOf(i);
    const name = text("rule", i) + ", " + (text("id", i) || "row " + columns.row[i]);
    const select = make("select", { "aria-label": "Decision on " + name });
    for (const [value, word] of DECISIONS) select.append(new Option(word, value));
    const reason = make("input", { type: "text", placeholder: "reason", maxlength: "500", "aria-label": "Reason for the decision on " + name });
    const now = decisions.get(key) || { decision: "", reason: "" };
    select.value = now.decision;
    reason.value = now.reason;
    reason.hidden = now.decision === "";
    const changed = () => {
      if (select.value === "") decisions.delete(key);
      else decisions.set(key, { decision: select.value, reason: reason.value.trim() });
      reason.hidden = select.value === "";
      remember();
      tally();
    };
    select.addEventListener("change", changed);
    reason.addEventListener("input", changed);
    return make("td", { class: "script", "data-label": "Decision" }, select, reason);
  };

  const place = (i) => {
    if (columns.row[i] === null) return make("span", { class: "muted" }, "whole corpus");
    const found = make("span", {}, shown(text("file", i)), " ", make("span", { class: "muted" }, "row " + columns.row[i]));
    if (text("id", i) !== "") found.append(" ", make("span", { class: "muted" }, "id"), " ", shown(text("id", i)));
    return found;
  };

  const row = (i) => {
    const severity = text("severity", i);
    const score = columns.score[i] === null ? "–" : columns.score[i].toFixed(2);
    return make("tr", {},
      make("td", { "data-label": "Severity" }, make("span", { class: "severity " + (SEVERITIES.includes(severity) ? severity : "") }, severity)),
      make("td", { "data-label": "Rule" }, shown(text("rule", i))),
      make("td", { "data-label": "Document" }, place(i)),
      make("td", { "data-label": "Evidence" }, evidence(i)),
      make("td", { "data-label": "Score", class: "number" }, score),
      make("td", { "data-label": "Action" }, columns.waived[i] ? "waived" : text("action", i)),
      decisionCell(i));
  };

  // ---- search, filter, sort; rows are drawn as they scroll into view ----
  let found = [];
  let drawn = 0;
  let sorting = null;
  const draw = () => {
    const part = document.createDocumentFragment();
    const end = Math.min(found.length, drawn + CHUNK);
    for (; drawn < end; drawn++) part.append(row(found[drawn]));
    body.append(part);
  };
  const rank = { severity: (i) => SEVERITIES.indexOf(text("severity", i)), score: (i) => -(columns.score[i] ?? -1) };
  const compare = (key) => {
    if (key in rank) return (a, b) => rank[key](a) - rank[key](b) || a - b;
    const order = new Intl.Collator("en", { numeric: true });
    return (a, b) => order.compare(text(key, a), text(key, b)) || (columns.row[a] ?? 0) - (columns.row[b] ?? 0) || a - b;
  };
  const update = () => {
    const wanted = escaped(search.value).toLowerCase();
    const tests = Object.entries(filters).filter(([, select]) => select.value !== "").map(([name, select]) => (i) => text(name, i) === select.value);
    if (decided.value !== "") tests.push((i) => ((decisions.get(keyOf(i)) || { decision: "none" }).decision) === decided.value);
    found = [];
    for (let i = 0; i < total; i++) {
      if (haystack[i].includes(wanted) && tests.every((test) => test(i))) found.push(i);
    }
    if (sorting) {
      found.sort(compare(sorting.key));
      if (sorting.down) found.reverse();
    }
    body.replaceChildren();
    drawn = 0;
    draw();
    byId("shown").textContent = found.length === total ? total.toLocaleString("en") + (total === 1 ? " finding" : " findings") : found.length.toLocaleString("en") + " of " + total.toLocaleString("en") + " findings";
  };

  for (const [name, select] of Object.entries(filters)) {
    const values = [...new Set(columns[name])].filter((at) => at !== null).map((at) => strings[at]).sort();
    for (const value of values) select.append(new Option(value, value));
    select.addEventListener("change", update);
  }
  for (const [value, word] of [["none", "none yet"], ...DECISIONS.slice(1)]) decided.append(new Option(word, value));
  for (const [value, word] of DECISIONS.slice(1)) all.append(new Option(word, value));
  decided.addEventListener("change", update);
  all.addEventListener("change", () => {
    for (const i of found) decisions.set(keyOf(i), { decision: all.value, reason: (decisions.get(keyOf(i)) || { reason: "" }).reason });
    all.value = "";
    remember();
    tally();
    update();
  });
  let searched = "";
  for (const kind of ["input", "change", "search"]) {
    search.addEventListener(kind, () => { if (search.value !== searched) { searched = search.value; update(); } });
  }
  for (const button of table.querySelectorAll("th button")) {
    button.addEventListener("click", () => {
      const key = button.dataset.sort;
      sorting = { key, down: sorting !== null && sorting.key === key && !sorting.down };
      for (const head of table.querySelectorAll("th[aria-sort]")) head.setAttribute("aria-sort", "none");
      button.closest("th").setAttribute("aria-sort", sorting.down ? "descending" : "ascending");
      update();
    });
  }
  for (const link of document.querySelectorAll("a[data-rule]")) {
    link.addEventListener("click", () => { search.value = searched = ""; filters.rule.value = link.dataset.rule; update(); });
  }
  const end = byId("sentinel");
  const watcher = new IntersectionObserver((entries) => {
    if (drawn >= found.length || !entries.some((entry) => entry.isIntersecting)) return;
    draw();
    watcher.unobserve(end);
    watcher.observe(end); // reports again, so that drawing goes on until the end is out of view
  }, { rootMargin: "600px" });
  watcher.observe(end);

  // ---- marking: a bar that counts the decisions and downloads them ----
  const said = make("p", { role: "status" });
  const common = make("input", { type: "text", maxlength: "500", placeholder: "reason for those without one", "aria-label": "Reason for decisions without one" });
  const give = make("button", { type: "button" }, "Give it");
  const download = make("button", { type: "button", id: "download" }, "Download decisions.json");
  const clear = make("button", { type: "button" }, "Forget all");
  const bar = make("div", { id: "marks" }, said, common, give, download, clear);
  byId("findings-section").append(bar);
  const tally = () => {
    const without = [...decisions.values()].filter((item) => item.reason === "").length;
    said.textContent = decisions.size + (decisions.size === 1 ? " decision" : " decisions") + (without ? ", " + without + " without a reason" : "");
    common.hidden = give.hidden = without === 0;
    bar.hidden = decisions.size === 0;
  };
  give.addEventListener("click", () => {
    for (const [key, value] of decisions) if (value.reason === "") decisions.set(key, { decision: value.decision, reason: common.value.trim() });
    remember();
    tally();
    update();
  });
  download.addEventListener("click", () => {
    const rows = [...decisions].map(([key, value]) => {
      const [fingerprint, rule, field] = key.split("\n");
      return { fingerprint, rule, field: field === "" ? null : field, decision: value.decision, reason: value.reason };
    });
    const link = make("a", { download: "decisions.json", href: URL.createObjectURL(new Blob([JSON.stringify(rows, null, 1) + "\n"], { type: "application/json" })) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  clear.addEventListener("click", () => { decisions.clear(); remember(); tally(); update(); });

  // a phone shows the checkers folded; a link to one opens it
  const cards = [...document.querySelectorAll("details.card")];
  if (matchMedia("(max-width: 44rem)").matches) for (const card of cards) card.open = false;
  for (const card of cards) {
    for (const link of document.querySelectorAll('a[href="#' + CSS.escape(card.id) + '"]')) link.addEventListener("click", () => { card.open = true; });
  }
  let closed = [];
  addEventListener("beforeprint", () => { closed = [...document.querySelectorAll("details:not([open])")]; for (const item of closed) item.open = true; });
  addEventListener("afterprint", () => { for (const item of closed) item.open = false; });
  document.documentElement.classList.add("js");
  update();
  tally();
})();

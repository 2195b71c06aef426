"""One Checkpoint in an ephemeral context: the suite of a run against its table."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from auditkit.outputs.great_expectations.gates import Gates
from auditkit.outputs.great_expectations.library import great_expectations
from auditkit.report_data import Report

SITE = "auditkit"
_NO_SAMPLES = {"result_format": "BASIC", "partial_unexpected_count": 0}  # counts, never a cell of the table


def run(report: Report, gates: Gates, *, docs: Path | None = None) -> dict[str, Any]:
    """The validation result of the suite as Great Expectations gives it; with `docs` also Data Docs in that folder.

    Opens no connection and leaves no file but `docs`. The context becomes the current one of Great Expectations.
    """
    gx = great_expectations()
    context = gx.get_context(mode="ephemeral", project_config=_config(gx, docs))
    frame = gates.documents.to_pandas()
    asset = context.data_sources.add_pandas("auditkit").add_dataframe_asset("documents")
    definition = gx.ValidationDefinition(
        name="gate",
        data=asset.add_batch_definition_whole_dataframe("run"),
        suite=context.suites.add(gx.ExpectationSuite(**gates.suite)),
    )
    actions = [gx.checkpoint.UpdateDataDocsAction(name="docs", site_names=[SITE])] if docs else []
    checkpoint = gx.Checkpoint(
        name="gate",
        validation_definitions=[context.validation_definitions.add(definition)],
        actions=actions,
        result_format=_NO_SAMPLES,
    )
    when = gx.core.run_identifier.RunIdentifier(run_name="gate", run_time=_finished(report))
    result = context.checkpoints.add(checkpoint).run(batch_parameters={"dataframe": frame}, run_id=when)
    (validation,) = result.run_results.values()
    said: dict[str, Any] = validation.to_json_dict()
    return said


def _finished(report: Report) -> dt.datetime:
    """When the run ended, so that the same run gives the same pages."""
    return dt.datetime.fromisoformat(str(report.run.get("finished", "1970-01-01T00:00:00Z")))


def _config(gx: Any, docs: Path | None) -> Any:
    """An ephemeral project: nothing measured about its use, no progress bars, Data Docs only where asked."""
    base = gx.data_context.types.base
    site = {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs and docs.resolve())},
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }
    return base.DataContextConfig(
        store_backend_defaults=base.InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        analytics_enabled=False,
        progress_bars=base.ProgressBarsConfig(globally=False, metric_calculations=False),
        data_docs_sites={SITE: site} if docs else {},
    )

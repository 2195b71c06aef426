"""Ways to run one function over many items: inline, in processes, on Ray."""

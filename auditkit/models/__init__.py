"""Small embedded models, each with a model card; loading and pinning of weights."""

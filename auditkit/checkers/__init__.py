"""The six built-in checkers, one concern each. They never import one another."""

"""Looks at shards with every checker, merges what they say in a fixed order, and decides about each document."""

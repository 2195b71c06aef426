"""Renderings of a run: each module turns an audit into bytes and knows no other."""

"""English phrases that say which objects of a video are meant: a small grammar, and the choice among candidates."""

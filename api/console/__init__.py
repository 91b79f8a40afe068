"""The web pages: server-rendered, one stylesheet, no script."""

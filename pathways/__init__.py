"""Care pathways: their language, the pure engine that follows them, the forecast, and the pathways we ship."""

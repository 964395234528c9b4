"""asyncio made durable: handlers run on a deterministic loop over the journal machine."""

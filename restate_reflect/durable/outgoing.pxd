# A Python class, as asyncio's Future is its base; compiled for its functions.

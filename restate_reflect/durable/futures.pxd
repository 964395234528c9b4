# Python classes, as asyncio's Future and Task are their bases; compiled for their functions.

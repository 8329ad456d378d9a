"""The engine: places and routes the calls of a centre, manages its seats, and stores every result."""

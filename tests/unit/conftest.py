"""Makes `story`, `walk` and `examples` importable by the modules beside them."""

from hypothesis import settings

settings.register_profile("unit", deadline=None, max_examples=100, print_blob=True)
settings.load_profile("unit")

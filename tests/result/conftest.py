import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # the factory of lanes is a module of the tests

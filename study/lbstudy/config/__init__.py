"""Scenario and setting files: their models, reading them, and the ones that come with the package."""

from lbstudy.config.builtin import BuiltIn, available_scenarios, available_settings
from lbstudy.config.error import ConfigError
from lbstudy.config.load import load_scenario, load_setting
from lbstudy.config.notes import notes
from lbstudy.config.scenario import Dns, Expectation, Load, Scenario, Server, Step
from lbstudy.config.setting import Drain, Setting

__all__ = [
    "BuiltIn",
    "ConfigError",
    "Dns",
    "Drain",
    "Expectation",
    "Load",
    "Scenario",
    "Server",
    "Setting",
    "Step",
    "available_scenarios",
    "available_settings",
    "load_scenario",
    "load_setting",
    "notes",
]

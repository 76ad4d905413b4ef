"""Scenario, setting, subject and requirement files: their models, the parser, and the built-in files."""

from lbstudy.config.builtin import (
    BuiltIn,
    available_requirements,
    available_scenarios,
    available_settings,
    available_subjects,
)
from lbstudy.config.error import ConfigError
from lbstudy.config.load import load_requirement, load_scenario, load_setting, load_subject
from lbstudy.config.notes import notes
from lbstudy.config.requirement import Requirement
from lbstudy.config.scenario import Dns, ExpectTable, Load, Scenario, Server, Step
from lbstudy.config.setting import Drain, Setting
from lbstudy.config.subject import Subject

__all__ = [
    "BuiltIn",
    "ConfigError",
    "Dns",
    "Drain",
    "ExpectTable",
    "Load",
    "Requirement",
    "Scenario",
    "Server",
    "Setting",
    "Step",
    "Subject",
    "available_requirements",
    "available_scenarios",
    "available_settings",
    "available_subjects",
    "load_requirement",
    "load_scenario",
    "load_setting",
    "load_subject",
    "notes",
]

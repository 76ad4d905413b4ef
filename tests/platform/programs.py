"""The programs of the default subject, for platforms under test."""

from lbstudy.config import load_subject
from lbstudy.run.specs import client_program, server_program

SERVER = server_program(load_subject())
CLIENT = client_program(load_subject())
PRELOAD = [SERVER.preload]

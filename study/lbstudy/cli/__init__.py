"""The command `lbstudy`."""

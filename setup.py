"""Maps the folders at the top of the repository to kcode.*; new sub-packages are found by themselves."""

from setuptools import find_packages, setup

TOP = {"agent": "agent", "modes": "modes", "tools": "tools", "memory": "memory", "scripted": "tests/provider"}
BELOW = [f"kcode.{name}.{package}" for name, folder in TOP.items() for package in find_packages(folder)]
FLOORS = ("files", "processes", "llm", "spend", "cli", "tui")
REST = find_packages(include=["kcode", *(f"kcode.{floor}*" for floor in FLOORS)])

setup(
    packages=[*REST, *(f"kcode.{name}" for name in TOP), *BELOW],
    package_dir={"kcode": "kcode", **{f"kcode.{name}": folder for name, folder in TOP.items()}},
)

"""Maps the folders at the top of the repository to kcode.*; new sub-packages are found by themselves."""

from setuptools import find_packages, setup

TOP = {"agent": "agent", "modes": "modes", "tools": "tools", "memory": "memory", "scripted": "tests/provider"}

setup(
    packages=[
        *find_packages(include=["kcode", "kcode.llm*", "kcode.spend*", "kcode.cli*", "kcode.tui*"]),
        *(f"kcode.{name}{sub}" for name, folder in TOP.items() for sub in ["", *(f".{p}" for p in find_packages(folder))]),
    ],
    package_dir={"kcode": "kcode", **{f"kcode.{name}": folder for name, folder in TOP.items()}},
)

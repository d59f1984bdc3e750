"""Trains a language model with TRL's GRPO to do machine-learning engineering.

    python agents/grpo_trl.py --model tiny --steps 30                    a minute on a CPU
    python agents/grpo_trl.py --model Qwen/Qwen3-4B --suite micro        with a GPU

It requires pip install "mle-gym[trl]". The model plays whole episodes by calling tools, each group
of rollouts on one instance of a task, and learns from what the episodes earn. Rollouts in which the
machinery failed are masked, and training that goes wrong is warned of (mle_gym.health).

--model tiny makes a Qwen3 of two layers on the spot, with random weights and a vocabulary of a few
dozen entries. Such a model would never write a call of a tool letter by letter, so some of its
entries are whole calls: fits with the toolbox of the family leaky-training, a look, and submit.
What it learns, from the same rewards as any other model, is which calls lead to a score.

It writes rewards.csv (one row for each update), summary.json and the trajectories to --out.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import os
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

try:
    import torch
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM, set_seed
    from trl import GRPOConfig
    from trl.chat_template_utils import qwen3_chat_template

    from mle_gym.integrations.trl import HealthCallback, ParallelToolsTrainer
except ImportError:  # --help works without them
    torch = None

from mle_gym.integrations.trl import EpisodeLog, dataset, environment_class

TINY = "tiny"
LAB = "python data/lab.py --model linear --contacts {} --history {} --amount {}"
COMMANDS = (
    "head -n 3 data/train.csv",
    LAB.format("use", "use", "plain"),
    LAB.format("drop", "use", "month"),
    LAB.format("drop", "drop", "plain"),
)
"""What the tiny model can run. The first one is worth nothing by itself."""
SPECIAL = ("<|im_end|>", "<|im_start|>", "<|pad|>", "<unk>")
WORDS = (
    "assistant", "user", "system", "valid", "error", "the", "of", "data", "rows", "file", "task",
    "score",
)  # fmt: skip
TINY_TURN = 2
"""The most tokens in a turn of the tiny model, which wouldn't stop by itself at first."""


@dataclass(frozen=True)
class Args:
    """Every setting, with its default; `--learning-rate 0.001` sets `learning_rate`."""

    model: str = TINY
    """A name on the hub, a folder, or `tiny`."""
    suite: str = "micro"
    """Where tasks are drawn from; the tiny model plays leaky-training alone."""
    steps: int = 30
    """Updates."""
    generations: int = 8
    """Rollouts in a group, all on one instance."""
    groups: int = 2
    """Groups in an update."""
    batch: int = 0
    """Rollouts in a forward and backward pass; 0 for all of an update. Divides their number."""
    instances: int = 64
    """Instances in the dataset; the tiny model gets 4."""
    turns: int = 3
    """Turns with calls of tools in a rollout, and with it the steps of an episode."""
    completion_tokens: int = 4096
    """The longest rollout, with the outputs of its tools."""
    learning_rate: float | None = None
    """By default 1e-6, and 1e-2 for the tiny model."""
    vllm: bool = False
    """Whether vLLM generates (in the same process, on the same GPU)."""
    seed: int = 1
    out: str = "runs/grpo"
    """A new folder."""


def main() -> None:
    """Train, and write what came of it."""
    args = parse()
    if torch is None:
        sys.exit('this requires: pip install "mle-gym[trl]"')
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")  # environment_factory is experimental
    warnings.filterwarnings("ignore", ".*gradient_checkpointing.* is deprecated", FutureWarning)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=False)
    set_seed(args.seed)
    if args.model == TINY:
        torch.set_num_threads(1)  # more would wait for one another longer than they compute
    log = EpisodeLog(out / "episodes", keep=4 * args.generations * args.groups)
    tiny = args.model == TINY
    model, tokenizer = tiny_model() if tiny else (args.model, None)
    trainer = ParallelToolsTrainer(
        model=model,
        processing_class=tokenizer,
        args=config(args, out),
        train_dataset=tiny_dataset() if tiny else dataset(args.suite, args.instances),
        environment_factory=environment_class(
            tools="claude", log=log, reward="anchored", max_steps=args.turns + 1
        ),
        callbacks=[HealthCallback(log)],
    )
    started = time.monotonic()
    trainer.train()
    report(args, trainer, log, time.monotonic() - started, out)


def config(args: Args, out: Path) -> GRPOConfig:
    """TRL's settings."""
    tiny, rollouts = args.model == TINY, args.generations * args.groups
    return GRPOConfig(
        output_dir=str(out / "checkpoints"),
        max_steps=args.steps,
        per_device_train_batch_size=args.batch or rollouts,
        gradient_accumulation_steps=rollouts // (args.batch or rollouts),
        num_generations=args.generations,
        max_completion_length=args.completion_tokens,
        max_tool_calling_iterations=args.turns,
        learning_rate=args.learning_rate or (1e-2 if tiny else 1e-6),
        lr_scheduler_type="constant",
        beta=0.0,
        temperature=1.0,
        bf16=not tiny and torch.cuda.is_available(),
        generation_kwargs={"max_new_tokens": TINY_TURN} if tiny else None,
        use_cpu=not torch.cuda.is_available(),
        use_vllm=args.vllm,
        vllm_mode="colocate",
        logging_steps=1,
        save_strategy="no" if tiny else "steps",
        save_steps=50,
        report_to="none",
        seed=args.seed,
        disable_tqdm=tiny,
    )


def tiny_model() -> tuple[Qwen3ForCausalLM, PreTrainedTokenizerFast]:
    """A Qwen3 with random weights, and a tokenizer to which whole calls are single words."""
    calls = [call("bash", command=command) for command in COMMANDS] + [call("submit")]
    words = {word: number for number, word in enumerate([*SPECIAL, *WORDS])}
    plain = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    plain.add_tokens([AddedToken(each, normalized=False) for each in calls])
    end, start, pad, unknown = SPECIAL
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=plain,
        eos_token=end,
        pad_token=pad,
        unk_token=unknown,
        additional_special_tokens=[start],
        padding_side="left",
    )
    tokenizer.chat_template = qwen3_chat_template
    shape = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=16384,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    return Qwen3ForCausalLM(shape), tokenizer


def call(name: str, **arguments: Any) -> str:
    """A call of a tool as Qwen3 writes it."""
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


def tiny_dataset() -> Any:
    """Four instances of one family."""
    rows = dataset("micro", 4)
    instance = {"task": "leaky-training", "size": "micro", "difficulty": 0.5}
    return rows.map(lambda row, number: {**instance, "variant": number + 1}, with_indices=True)


def report(
    args: Args, trainer: ParallelToolsTrainer, log: EpisodeLog, seconds: float, out: Path
) -> None:
    """Write the curve and the summary, and print the latter."""
    rows = [row for row in trainer.state.log_history if "reward" in row]
    names = ["step", "reward", "reward_std", "frac_reward_zero_std", "tools/call_frequency"]
    with (out / "rewards.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore", restval="")
        writer.writeheader()
        writer.writerows(rows)
    rewards, health = [row["reward"] for row in rows], log.health()
    fifth = max(1, len(rewards) // 5)
    summary = {
        "first": fmean(rewards[:fifth]),
        "last": fmean(rewards[-fifth:]),
        "seconds": round(seconds, 1),
        "health": health.to_dict(),
        "args": dataclasses.asdict(args),
    }
    (out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    print(f"reward {summary['first']:.3f} in the first fifth, {summary['last']:.3f} in the last")
    print(f"{seconds:.0f} s; episodes and curve in {out}")


def parse() -> Args:
    """The settings from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for each in dataclasses.fields(Args):
        option = f"--{each.name.replace('_', '-')}"
        if isinstance(each.default, bool):
            parser.add_argument(option, action="store_true")
        else:
            kind = float if each.name == "learning_rate" else type(each.default)
            shown = "see the file" if each.default is None else each.default
            parser.add_argument(option, type=kind, default=each.default, help=f"default: {shown}")
    return Args(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()

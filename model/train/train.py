#!/usr/bin/env python3
"""Trains the LoRA of a task from the base's GGUF, on one CUDA machine (or, slowly, a CPU).

Owns the loop, its log and its checkpoints. Each --variant is trained by a process of its own, all
of them at once on the same GPU, for the same time, on the same data in its own order:
  NAME:rank=6,lr=4e-3,clean=2,edit=1,mine=0,mean=0,seed=1
    rank    of what comes out: 6 is 2.9 MB       lr    highest learning rate (AdamW, cosine)
    clean   weight of the loss on right lines    edit  and on the changed tokens of wrong ones
    mine    at shares MINES of the time, right lines are looked through for MINE_SHARE of it; those
            that the model would change are put into what is left of the lines, so many times each
    mean    over 0: NAME-mean is the running mean of the parameters, of this decay a step
    seed    of order and beginning
Loss is on the answer's tokens alone. What comes out, for each variant, in --out:
  NAME.safetensors   the adapter, f16, PEFT's names, metadata with rank and alpha; written
                     every SAVE_SECONDS, so a run that is cut leaves one
  NAME.log.jsonl     step, seconds, loss, learning rate, tokens; what was mined; then the
                     development set's scores by gate
  NAME.torch.jsonl   what it answered there, and how sure it was
  NAME.state         what --resume goes on from (kept in --state, or --out)

usage: train.py --base MODEL.gguf --data train.npz --dev fix.dev.tsv --out FOLDER --minutes X
                --variant SPEC... [--tokens N] [--state FOLDER] [--resume] [--task fix]
       (--data: encode.py's, a folder of them, or train.tsv, which is then encoded first)
"""
import argparse
import json
import math
import pathlib
import time

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

import encode
import greedy
from average import Average
from examples import Examples
from gguf import Gguf
from llama import SCALE, Llama
from prompt import Prompt, vocabulary

DEFAULTS = {"rank": 6, "lr": 4e-3, "clean": 2.0, "edit": 1.0, "mine": 0, "mean": 0.0,
            "seed": 1}
WARM_UP = .03       # of the time
MINES = (.4, .6, .8)
MINE_SHARE = .04
SAVE_SECONDS = 60


def variant_of(spec):
    name, _, settings = spec.partition(":")
    values = dict(DEFAULTS)
    for setting in filter(None, settings.split(",")):
        key, value = setting.split("=")
        values[key] = type(DEFAULTS[key])(float(value))
    return name, values


def loss_of(model, prompt, tensors):
    """Mean over the answers' tokens of -log p, weighted."""
    ids, places, wanted, weights = tensors
    hidden = model(ids, prompt.prefix).flatten(0, 1)[places]
    each = F.cross_entropy(model.logits(hidden), wanted, reduction="none")
    return (each * weights).sum() / weights.sum()


@torch.no_grad()
def changes(model, prompt, tensors):
    """Rows, by number, of which greedy decoding would not say the answer's tokens: as long as it
    has said them, what comes next does not depend on what else it would have said."""
    ids, places, wanted, _ = tensors
    hidden = model(ids, prompt.prefix).flatten(0, 1)[places]
    wrong = model.logits(hidden).argmax(-1) != wanted
    return (places[wrong] // ids.shape[1]).unique().tolist()


class Run:
    """One variant: model, optimizer, clock and log."""

    def __init__(self, args, name, settings):
        self.args, self.name, self.set = args, name, settings
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        torch.manual_seed(settings["seed"])
        self.rng = np.random.default_rng(settings["seed"])
        base = Gguf(args.base)
        self.prompt = Prompt(vocabulary(base), args.task)
        self.out = pathlib.Path(args.out)
        self.state_path = pathlib.Path(args.state or args.out) / f"{name}.state"
        self.seconds, self.step, self.seen, self.mined = 0.0, 0, 0, 0
        dtype = torch.bfloat16 if self.device == "cuda" else torch.float32
        self.model = Llama(base, settings["rank"], self.device, dtype)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=0, betas=(.9, .98),
                                           weight_decay=.01, fused=self.device == "cuda")
        if args.resume and self.state_path.exists():
            self.resume()
        mean = settings["mean"]
        self.average = Average(self.model.parameters(), mean) if mean else None
        self.log_file = open(self.out / f"{name}.log.jsonl", "a" if self.step else "w",
                             encoding="utf-8")

    def log(self, **what):
        self.log_file.write(json.dumps({"variant": self.name, **what}) + "\n")
        self.log_file.flush()

    def save_state(self):
        torch.save({"adapter": self.model.adapter(), "optimizer": self.optimizer.state_dict(),
                    "seconds": self.seconds, "step": self.step, "seen": self.seen,
                    "mined": self.mined, "rng": self.rng.bit_generator.state}, self.state_path)

    def resume(self):
        """The order of lines begins anew where it was cut: the epoch is not finished. So does the
        running mean."""
        state = torch.load(self.state_path, weights_only=False)
        for key in ("seconds", "step", "seen", "mined"):
            setattr(self, key, state[key])
        self.rng.bit_generator.state = state["rng"]
        self.model.adapter_set(state["adapter"])
        self.optimizer.load_state_dict(state["optimizer"])

    def rate(self):
        """Learning rate now: warm-up and cosine."""
        done = min(self.seconds / (self.args.minutes * 60), 1)
        scale = done / WARM_UP if done < WARM_UP else .5 + .5 * math.cos(math.pi * done)
        return max(scale, .01) * self.set["lr"]

    def mine(self, examples):
        """Right rows that the model changes, found in MINE_SHARE of the time."""
        until = self.now() + MINE_SHARE * self.args.minutes * 60
        found, looked = [], 0
        for batch in examples.batches(np.flatnonzero(examples.clean), self.rng):
            tensors = examples.tensors(batch, self.device)
            found += batch[changes(self.model, self.prompt, tensors)].tolist()
            looked += len(batch)
            if self.now() > until:
                break
        self.log(step=self.step, seconds=round(self.now(), 1), looked=looked, mined=len(found))
        return found

    def now(self):
        return time.monotonic() - self.begun

    def take(self, batch, examples):
        """One step."""
        tensors = examples.tensors(batch, self.device)
        lr = self.rate()
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        loss = loss_of(self.model, self.prompt, tensors)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.average:
            self.average.take()
        self.step += 1
        self.seen += tensors[0].numel()
        if self.step % 20 == 0 or self.step < 3:
            self.log(step=self.step, seconds=round(self.seconds, 1), lr=lr,
                     loss=round(loss.item(), 4), tokens=self.seen)

    def mine_is_due(self):
        share = self.seconds / (self.args.minutes * 60)
        return self.set["mine"] and self.mined < len(MINES) and share > MINES[self.mined]

    def train(self, examples):
        self.begun = time.monotonic() - self.seconds
        limit, saved = self.args.minutes * 60, self.seconds
        left = []
        while self.seconds < limit:
            if not left:
                left = examples.batches(np.arange(len(examples.lengths)), self.rng)
            if self.mine_is_due():
                self.mined += 1
                again = np.repeat(self.mine(examples), self.set["mine"]).astype(np.int64)
                left = examples.batches(np.concatenate([*left, again]), self.rng)
            self.take(left.pop(), examples)
            self.seconds = self.now()
            if self.seconds - saved > SAVE_SECONDS:
                self.save()
                saved = self.seconds
        self.save()

    def save(self):
        self.save_state()
        self.save_adapter(self.name)
        if self.average:
            self.average.swap()
            self.save_adapter(f"{self.name}-mean")
            self.average.swap()

    def save_adapter(self, name):
        """Under another name first: a run that is cut leaves no half of a file."""
        tensors = self.model.adapter()
        rank = next(iter(tensors.values())).shape[0]
        part = self.out / f"{name}.part"
        save_file({k: v.half() for k, v in tensors.items()}, part,
                  metadata={"format": "pt", "lora_alpha": f"{SCALE * rank:g}",
                            "variant": json.dumps(self.set), "steps": str(self.step)})
        part.rename(self.out / f"{name}.safetensors")

    def judge_all(self):
        """The development set, by each adapter as it was saved."""
        if self.average:
            self.average.swap()
            self.judge(f"{self.name}-mean")
            self.average.swap()
        self.judge(self.name)

    def judge(self, name):
        half = {k: v.half().float() for k, v in self.model.adapter().items()}
        self.model.adapter_set(half)
        said, scores = greedy.judge(self.model, self.prompt, encode.read_rows(self.args.dev))
        with open(self.out / f"{name}.torch.jsonl", "w", encoding="utf-8") as out:
            out.writelines(json.dumps(s, ensure_ascii=False) + "\n" for s in said)
        for tau, score in scores.items():
            self.log(judged=name, tau=tau, **score)
            print(name, f"tau {tau}", *(f"{kind}: " + " ".join(
                f"{k} {v:.3f}" for k, v in s.items() if k != "n") for kind, s in score.items()),
                  sep="  ", flush=True)


def arrays_of(path, prompt):
    if pathlib.Path(path).is_dir():
        parts = [np.load(part) for part in sorted(pathlib.Path(path).glob("*.npz"))]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    if path.endswith(".npz"):
        return dict(np.load(path))
    return encode.arrays(encode.read_rows(path), prompt)


def run(args, spec):
    torch.backends.cuda.matmul.allow_tf32 = True
    name, settings = variant_of(spec)
    begun = time.monotonic()
    one = Run(args, name, settings)
    examples = Examples(arrays_of(args.data, one.prompt), args.tokens, len(one.prompt.prefix),
                        settings["clean"], settings["edit"])
    one.log(settings=settings, device=one.device, torch=torch.__version__, rows=len(examples.clean),
            clean=float(examples.clean.mean()), ready_seconds=round(time.monotonic() - begun, 1))
    one.train(examples)
    begun = time.monotonic()
    one.judge_all()
    one.log(judged_seconds=round(time.monotonic() - begun, 1))


def main():
    args = argparse.ArgumentParser(usage=__doc__)
    for name in ("base", "data", "dev", "out"):
        args.add_argument(f"--{name}", required=True)
    args.add_argument("--variant", nargs="+", required=True)
    args.add_argument("--minutes", type=float, required=True)
    args.add_argument("--tokens", type=int, default=16384)
    args.add_argument("--task", default="fix")
    args.add_argument("--state")
    args.add_argument("--resume", action="store_true")
    a = args.parse_args()
    pathlib.Path(a.out).mkdir(parents=True, exist_ok=True)
    if a.state:
        pathlib.Path(a.state).mkdir(parents=True, exist_ok=True)
    context = torch.multiprocessing.get_context("spawn")
    children = [context.Process(target=run, args=(a, spec)) for spec in a.variant]
    for child in children:
        child.start()
    for child in children:
        child.join()
    raise SystemExit(any(child.exitcode for child in children))


if __name__ == "__main__":
    main()

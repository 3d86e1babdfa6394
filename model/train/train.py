#!/usr/bin/env python3
"""Trains the LoRA of a task from the base's GGUF, on one CUDA machine (or, slowly, a CPU).

Owns the loop, its log and its checkpoints. Each --variant is trained by a process of its own, all
of them at once on the same GPU, for the same time, on the same data in its own order:
  NAME:rank=6,lr=2e-3,clean=1.0,from=32,seed=1
    rank    of what comes out: 6 is 2.9 MB       lr      highest learning rate (AdamW, cosine)
    clean   weight of the loss on right lines    from    0, or a higher rank that is trained for
    seed    of order and beginning                       the first 60 % of the time, then cut by SVD
Loss is on the answer's tokens alone. What comes out, for each variant, in --out:
  NAME.safetensors   the adapter, f16, PEFT's names, metadata with rank and alpha
  NAME.log.jsonl     step, seconds, loss, learning rate, tokens; then the development set's scores
                     by gate; NAME.said.jsonl  what it answered there, and how sure it was
  NAME.state         what --resume goes on from (kept in --state, or --out)

usage: train.py --base MODEL.gguf --data train.tsv --dev fix.dev.tsv --out FOLDER --minutes X
                --variant SPEC... [--tokens N] [--state FOLDER] [--resume] [--task fix]
"""
import argparse
import json
import math
import pathlib
import random
import time

import torch
from safetensors.torch import save_file

import greedy
from gguf import Gguf
from labels import laid_out
from llama import SCALE, Llama, cut_rank
from prompt import Prompt, vocabulary

DEFAULTS = {"rank": 6, "lr": 2e-3, "clean": 1.0, "from": 0, "seed": 1}
FIRST_SHARE = .6  # of the time, for the higher rank
WARM_UP = .03     # of the time
SAVE_SECONDS = 60


def variant_of(spec):
    name, _, settings = spec.partition(":")
    values = dict(DEFAULTS)
    for setting in filter(None, settings.split(",")):
        key, value = setting.split("=")
        values[key] = type(DEFAULTS[key])(float(value))
    return name, values


def read_rows(path):
    """(kind, as it stands, right)"""
    return [tuple(line.split("\t"))
            for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines()]


class Examples:
    """Token ids of all rows, in batches of rows of about the same length."""

    def __init__(self, rows, prompt, tokens):
        self.prompt, self.tokens = prompt, tokens
        self.questions = [prompt.question(ids) for ids in prompt.encode_all([r[1] for r in rows])]
        self.answers = [prompt.answer(ids) for ids in prompt.encode_all([r[2] for r in rows])]
        self.clean = [r[1] == r[2] for r in rows]
        self.lengths = [len(q) + len(a) for q, a in zip(self.questions, self.answers)]

    def batches(self, rng):
        """One epoch: shuffled, then sorted by length within pieces, then shuffled again."""
        order = list(range(len(self.lengths)))
        rng.shuffle(order)
        out = []
        for at in range(0, len(order), 50_000):
            piece = sorted(order[at:at + 50_000], key=self.lengths.__getitem__)
            batch = []
            for i in piece:
                if batch and (len(batch) + 1) * self.lengths[i] > self.tokens:
                    out.append(batch)
                    batch = []
                batch.append(i)
            out.append(batch)
        rng.shuffle(out)
        return out

    def tensors(self, batch, clean_weight, device):
        """ids [rows][n]; where the answer's tokens are decided [n_answer] (of the flat ids), which
        they are, and how much each counts."""
        ids, places, weights = laid_out(
            [(self.questions[i], self.answers[i]) for i in batch],
            [clean_weight if self.clean[i] else 1.0 for i in batch])
        ids, places = torch.tensor(ids), torch.tensor(places)
        wanted = ids.flatten()[places + 1]
        return [t.to(device, non_blocking=True)
                for t in (ids, places, wanted, torch.tensor(weights))]


def loss_of(model, prompt, tensors):
    ids, places, wanted, weights = tensors
    hidden, _ = model(ids, model.keys_values(prompt.prefix))
    p = model.log_p(hidden.flatten(0, 1)[places])
    own = p.gather(1, wanted[:, None])[:, 0]
    return -(own * weights).sum() / weights.sum()


class Run:
    """One variant: model, optimizer, clock and log."""

    def __init__(self, args, name, settings):
        self.args, self.name, self.set = args, name, settings
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        torch.manual_seed(settings["seed"])
        self.rng = random.Random(settings["seed"])
        self.base = Gguf(args.base)
        self.prompt = Prompt(vocabulary(self.base), args.task)
        self.out = pathlib.Path(args.out)
        self.state_path = pathlib.Path(args.state or args.out) / f"{name}.state"
        self.seconds, self.step, self.tokens, self.phase = 0.0, 0, 0, 0
        self.build(settings["from"] or settings["rank"])
        if args.resume and self.state_path.exists():
            self.resume()
        self.log_file = open(self.out / f"{name}.log.jsonl", "a" if self.step else "w",
                             encoding="utf-8")

    def build(self, rank, tensors=None):
        dtype = torch.bfloat16 if self.device == "cuda" else torch.float32
        self.model = Llama(self.base, rank, self.device, dtype)
        if tensors:
            self.model.adapter_set(tensors)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=0, betas=(.9, .98),
                                           weight_decay=.01, fused=self.device == "cuda")

    def log(self, **what):
        self.log_file.write(json.dumps({"variant": self.name, **what}) + "\n")
        self.log_file.flush()

    def save_state(self):
        torch.save({"adapter": self.model.adapter(), "optimizer": self.optimizer.state_dict(),
                    "seconds": self.seconds, "step": self.step, "tokens": self.tokens,
                    "phase": self.phase, "rng": self.rng.getstate()}, self.state_path)

    def resume(self):
        """The order of lines begins anew where it was cut: the epoch is not finished."""
        state = torch.load(self.state_path, weights_only=False)
        for key in ("seconds", "step", "tokens", "phase"):
            setattr(self, key, state[key])
        self.rng.setstate(state["rng"])
        if self.phase == 1:
            self.build(self.set["rank"])
        self.model.adapter_set(state["adapter"])
        self.optimizer.load_state_dict(state["optimizer"])

    def rate(self):
        """Learning rate now: warm-up and cosine within each phase."""
        total, begun = self.args.minutes * 60, 0.0
        if self.set["from"]:
            first = FIRST_SHARE * total
            begun, total = (0.0, first) if self.phase == 0 else (first, total - first)
        done = min(max(self.seconds - begun, 0) / total, 1)
        scale = done / WARM_UP if done < WARM_UP else .5 + .5 * math.cos(math.pi * done)
        return max(scale, .01) * self.set["lr"] * (.5 if self.phase == 1 else 1)

    def cut(self):
        """The higher rank has had its time: the best adapter of the wanted rank goes on."""
        self.save_adapter(self.state_path.with_suffix(".before-cut.safetensors"))
        tensors = cut_rank(self.model.adapter(), self.set["rank"])
        self.phase = 1
        self.build(self.set["rank"], tensors)

    def train(self, examples):
        begun, saved = time.monotonic() - self.seconds, self.seconds
        limit = self.args.minutes * 60
        while self.seconds < limit:
            for batch in examples.batches(self.rng):
                tensors = examples.tensors(batch, self.set["clean"], self.device)
                lr = self.rate()
                for group in self.optimizer.param_groups:
                    group["lr"] = lr
                loss = loss_of(self.model, self.prompt, tensors)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
                self.optimizer.step()
                self.optimizer.zero_grad(set_to_none=True)
                self.step += 1
                self.tokens += tensors[0].numel()
                if self.step % 20 == 0 or self.step < 3:
                    self.log(step=self.step, seconds=round(self.seconds, 1), lr=lr,
                             loss=round(loss.item(), 4), tokens=self.tokens)
                self.seconds = time.monotonic() - begun
                if self.set["from"] and self.phase == 0 and self.seconds > FIRST_SHARE * limit:
                    self.cut()
                if self.seconds - saved > SAVE_SECONDS:
                    self.save_state()
                    saved = self.seconds
                if self.seconds >= limit:
                    break
        self.save_state()

    def save_adapter(self, path):
        tensors = self.model.adapter()
        rank = next(iter(tensors.values())).shape[0]
        save_file({k: v.half() for k, v in tensors.items()}, path,
                  metadata={"format": "pt", "lora_alpha": f"{SCALE * rank:g}",
                            "variant": json.dumps(self.set), "steps": str(self.step)})

    def judge(self):
        """The development set, by the adapter as it was saved."""
        half = {k: v.half().float() for k, v in self.model.adapter().items()}
        self.model.adapter_set(half)
        said, scores = greedy.judge(self.model, self.prompt, read_rows(self.args.dev))
        with open(self.out / f"{self.name}.said.jsonl", "w", encoding="utf-8") as out:
            out.writelines(json.dumps(s, ensure_ascii=False) + "\n" for s in said)
        for tau, score in scores.items():
            self.log(tau=tau, **score)
            print(self.name, f"tau {tau}", *(f"{kind}: " + " ".join(
                f"{k} {v:.3f}" for k, v in s.items() if k != "n") for kind, s in score.items()),
                  sep="  ", flush=True)


def run(args, spec):
    torch.backends.cuda.matmul.allow_tf32 = True
    name, settings = variant_of(spec)
    begun = time.monotonic()
    one = Run(args, name, settings)
    examples = Examples(read_rows(args.data), one.prompt, args.tokens)
    one.log(settings=settings, device=one.device, torch=torch.__version__, rows=len(examples.clean),
            clean=sum(examples.clean) / len(examples.clean),
            ready_seconds=round(time.monotonic() - begun, 1))
    one.train(examples)
    one.save_adapter(one.out / f"{name}.safetensors")
    begun = time.monotonic()
    one.judge()
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

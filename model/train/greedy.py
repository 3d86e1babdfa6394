"""What the model answers, and how sure it is: greedy decoding of many captions at once, and
log P(answer) - log P(caption), the product's gate (design: docs/edit-loop.md).

Owns no weights. No key-value cache: captions are short, and rows that have ended leave the batch.
Neither numbers nor names are forced here, and no guard speaks: the product's own CLI has the last
word (model/score).
"""
import torch

import edits

TAUS = [0, 1, 2, 3, 4, 5, 6, 8]
ROWS = 512


def padded(rows, least, device):
    """Lists of ids -> [rows][longest, or least], and the lengths."""
    n = torch.tensor([len(r) for r in rows])
    out = torch.zeros(len(rows), max(int(n.max()), least), dtype=torch.long)
    for i, row in enumerate(rows):
        out[i, :len(row)] = torch.tensor(row)
    return out.to(device), n.to(device)


@torch.no_grad()
def answers(model, prompt, captions):
    """captions: token ids each. -> ids of the answers, without the end"""
    out = [[] for _ in captions]
    order = sorted(range(len(captions)), key=lambda i: len(captions[i]))
    for at in range(0, len(order), ROWS):
        live = order[at:at + ROWS]
        while live:
            ids, n = padded([prompt.question(captions[i]) + out[i] for i in live],
                            len(prompt.prefix), model.device)
            hidden = model(ids, prompt.prefix)
            last = hidden[torch.arange(len(live), device=model.device), n - 1]
            best = model.logits(last).argmax(-1).tolist()
            for i, token in zip(live, best):
                out[i].append(token)
            limit = lambda i: 2 * len(captions[i]) + 16
            live = [i for i in live if out[i][-1] != prompt.end and len(out[i]) < limit(i)]
    return [row[:-1] if row and row[-1] == prompt.end else row for row in out]


@torch.no_grad()
def log_p(model, prompt, captions, texts):
    """Nats of texts[i] and its end as the answer to captions[i]."""
    out = [0.0] * len(captions)
    order = sorted(range(len(captions)), key=lambda i: len(captions[i]) + len(texts[i]))
    for at in range(0, len(order), ROWS):
        rows = order[at:at + ROWS]
        questions = [prompt.question(captions[i]) for i in rows]
        ids, _ = padded([q + prompt.answer(texts[i]) for q, i in zip(questions, rows)],
                        len(prompt.prefix), model.device)
        hidden = model(ids, prompt.prefix)
        for k, i in enumerate(rows):
            start, text = len(questions[k]), prompt.answer(texts[i])
            p = model.logits(hidden[k, start - 1:start - 1 + len(text)]).log_softmax(-1)
            out[i] = float(p[torch.arange(len(text)), torch.tensor(text)].sum())
    return out


def judge(model, prompt, rows):
    """rows of (kind, before, right). -> (answers with their certainty, {tau: report})"""
    captions = prompt.encode_all([r[1] for r in rows])
    found = answers(model, prompt, captions)
    texts = [prompt.tokenizer.decode(ids).strip() for ids in found]
    own = log_p(model, prompt, captions, prompt.encode_all(texts))
    copy = log_p(model, prompt, captions, captions)
    said = [{"kind": kind, "before": before, "right": right, "ours": text, "sure": round(a - b, 3)}
            for (kind, before, right), text, a, b in zip(rows, texts, own, copy)]
    return said, {tau: edits.report(edits.gated(said, tau)) for tau in TAUS}

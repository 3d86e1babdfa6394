"""Captions as the product gives them to the model: the vocabulary of the GGUF, and the prompt.

Owns the ChatML form of an edit (src/edit/edit.c, prompt_encode, with an adapter that brings its
own system message: no examples) and what is answer and what is not. `nearfield edit --trace` counts
the same tokens, 27 of them cached from the second caption on. The vocabulary's definition is
tokenizer.json's of SmolLM2: single digits, then byte level, no blank put before the text.
"""
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

SYSTEM = {
    "fix": "Fix the grammar, spelling and punctuation of the caption. "
           "Keep everything else as it is.",
}
START, END = "<|im_start|>", "<|im_end|>"
CONTROL = 3  # tokenizer.ggml.token_type of a token that no text encodes to


def vocabulary(gguf):
    """A tokenizers.Tokenizer. Text that spells a control token is not taken for it: encode pieces
    of a prompt apart, as Prompt does."""
    tokens = gguf.metadata["tokenizer.ggml.tokens"]
    merges = [tuple(m.split(" ")) for m in gguf.metadata["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


class Prompt:
    """Token ids of one task's prompts.

    prefix  what every prompt of the task begins with: computed once a batch
    tail    what stands between the caption and its answer
    end     ends the answer, and is part of it
    """

    def __init__(self, tokenizer, task):
        self.tokenizer = tokenizer
        self.start, self.end = tokenizer.token_to_id(START), tokenizer.token_to_id(END)
        system, line = self.encode(f"system\n{SYSTEM[task]}"), self.encode("\n")
        self.prefix = [self.start, *system, self.end, *line, self.start, *self.encode("user\n")]
        self.tail = [self.end, *line, self.start, *self.encode("assistant\n")]

    def encode(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def encode_all(self, texts):
        return [e.ids for e in self.tokenizer.encode_batch(texts, add_special_tokens=False)]

    def question(self, caption_ids):
        """What follows the prefix, up to where the answer begins."""
        return caption_ids + self.tail

    def answer(self, text_ids):
        return text_ids + [self.end]

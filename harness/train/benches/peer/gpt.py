"""The same model and the same training step in PyTorch, to measure ours against.

A decoder-only transformer: token embedding, pre-norm blocks of causal attention with rotary positions
and SwiGLU, a last RMSNorm, and a head that is the embedding; no biases. A step is a batch, forward,
cross-entropy, backward, clipping of the global gradient norm at 1, and AdamW (0.9, 0.95, weight decay 0.1
on matrices alone). It uses what PyTorch has for each of these: scaled_dot_product_attention, fused AdamW,
and, with --compile, torch.compile.

It prints PyTorch's version as a line of JSON when all is imported. Then it reads orders from standard input, a line
of JSON each: a shape, of which it builds the model and takes the first steps, in which kernels are compiled and
tuned; or a number of steps. It prints a line of JSON for each, with the seconds that the steps took.
"""

import argparse
import json
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.output = (
            nn.Linear(width, width, bias=False) for _ in range(4)
        )

    def forward(self, x, cosine, sine):
        batch, sequence, width = x.shape
        query, key, value = (
            layer(x).view(batch, sequence, self.heads, -1).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        query, key = turn(query, cosine, sine), turn(key, cosine, sine)
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.output(mixed.transpose(1, 2).reshape(batch, sequence, width))


def turn(x, cosine, sine):
    """Rotary positions (Su et al. 2021, arXiv:2104.09864): the halves of a head are the pairs."""
    first, second = x.chunk(2, dim=-1)
    cosine, sine = cosine.to(x.dtype), sine.to(x.dtype)
    return torch.cat((first * cosine - second * sine, first * sine + second * cosine), dim=-1)


class FeedForward(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.gate, self.up = (nn.Linear(width, hidden, bias=False) for _ in range(2))
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x):
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Block(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.attention_norm, self.feed_forward_norm = (nn.RMSNorm(width, eps=1e-5) for _ in range(2))
        self.attention = Attention(width, heads)
        self.feed_forward = FeedForward(width, hidden)

    def forward(self, x, cosine, sine):
        x = x + self.attention(self.attention_norm(x), cosine, sine)
        return x + self.feed_forward(self.feed_forward_norm(x))


class Transformer(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        nn.init.normal_(self.embedding.weight, std=shape.width**-0.5)
        heads = shape.width // shape.head_width
        self.blocks = nn.ModuleList(
            Block(shape.width, heads, shape.hidden) for _ in range(shape.depth)
        )
        self.norm = nn.RMSNorm(shape.width, eps=1e-5)
        pairs = torch.arange(0, shape.head_width, 2) / shape.head_width
        angles = torch.outer(torch.arange(shape.sequence), 10000.0**-pairs)
        self.register_buffer("cosine", angles.cos(), persistent=False)
        self.register_buffer("sine", angles.sin(), persistent=False)

    def forward(self, tokens, targets):
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, self.cosine, self.sine)
        logits = F.linear(self.norm(x), self.embedding.weight)
        return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())


class Training:
    def __init__(self, shape, device, compiled):
        self.shape = shape
        self.device = device
        torch.manual_seed(0)
        self.model = Transformer(shape).to(device)
        parameters = list(self.model.parameters())
        matrices = [it for it in parameters if it.dim() > 1]
        vectors = [it for it in parameters if it.dim() == 1]
        groups = [
            {"params": matrices, "weight_decay": 0.1},
            {"params": vectors, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95), eps=1e-8, fused=True)
        self.loss = torch.compile(self.model) if compiled else self.model
        # A text that lies in memory, read in windows at random, as a loader of its own thread has them ready.
        self.text = torch.randint(shape.vocabulary, (1 << 20,))
        self.read = torch.Generator().manual_seed(1)

    def batch(self):
        shape = self.shape
        starts = torch.randint(
            len(self.text) - shape.sequence - 1, (shape.micro_batch, 1), generator=self.read
        )
        windows = self.text[starts + torch.arange(shape.sequence + 1)]
        inputs, targets = windows[:, :-1].contiguous(), windows[:, 1:].contiguous()
        if self.device.type == "cuda":
            return tuple(it.pin_memory().to(self.device, non_blocking=True) for it in (inputs, targets))
        return inputs, targets

    def step(self):
        parts = self.shape.batch // self.shape.micro_batch
        for _ in range(parts):
            inputs, targets = self.batch()
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.shape.mixed):
                loss = self.loss(inputs, targets)
            (loss / parts).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss

    def steps(self, count):
        begin = time.perf_counter()
        for _ in range(count):
            loss = self.step()
        # Reading the loss waits for the device.
        loss = loss.item()
        return time.perf_counter() - begin, loss


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--device", default="cpu")
    arguments.add_argument("--compile", action="store_true")
    asked = arguments.parse_args()
    torch.set_num_threads(asked.threads)
    print(json.dumps({"torch": torch.__version__}), flush=True)
    training = None
    for line in sys.stdin:
        order = json.loads(line)
        answer = {}
        if "width" in order:
            # What was compiled for another shape would have it compiled for shapes of any size.
            torch.compiler.reset()
            shape = argparse.Namespace(**order)
            training = Training(shape, torch.device(asked.device), asked.compile)
            answer["parameters"] = sum(it.numel() for it in training.model.parameters())
        count = order["first"] if "width" in order else order["steps"]
        answer["seconds"], answer["loss"] = training.steps(count)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()

"""Writes a GGUF file: a llama of two layers with random weights, whose vocabulary is the 256 bytes.

A program, `tiny_gguf.py FILE`, for a Python that has gguf and numpy.
"""

import sys

import gguf
import numpy as np

WIDTH, HEADS, LAYERS, FEED_FORWARD, CONTEXT = 64, 4, 2, 128, 16_384
TOKENS = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
KINDS = [
    gguf.TokenType.UNKNOWN,
    gguf.TokenType.CONTROL,
    gguf.TokenType.CONTROL,
    *[gguf.TokenType.BYTE] * 256,
]


def write(path: str) -> None:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny random llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(TOKENS))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(TOKENS)
    writer.add_token_scores([0.0] * len(TOKENS))
    writer.add_token_types(KINDS)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    random = np.random.default_rng(0)
    for name, shape in shapes().items():
        ones = name.endswith("norm.weight")
        values = np.ones(shape) if ones else random.normal(0.0, 0.05, shape)
        writer.add_tensor(name, values.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def shapes() -> dict[str, tuple[int, ...]]:
    """Rows first, as numpy has them."""
    found: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (len(TOKENS), WIDTH),
        "output_norm.weight": (WIDTH,),
        "output.weight": (len(TOKENS), WIDTH),
    }
    for layer in range(LAYERS):
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            found[f"blk.{layer}.{part}.weight"] = (WIDTH, WIDTH)
        found[f"blk.{layer}.ffn_gate.weight"] = found[f"blk.{layer}.ffn_up.weight"] = (FEED_FORWARD, WIDTH)
        found[f"blk.{layer}.ffn_down.weight"] = (WIDTH, FEED_FORWARD)
        found[f"blk.{layer}.attn_norm.weight"] = found[f"blk.{layer}.ffn_norm.weight"] = (WIDTH,)
    return found


if __name__ == "__main__":
    write(sys.argv[1])

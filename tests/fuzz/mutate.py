"""Mutations that know the layout: documents, tensors, header, text and bytes, one after the other."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from random import Random
from typing import Any

import numpy as np

from tests.fuzz.parts import Parts, join

Rng = Random


def _nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


INTEGERS = (0, 1, -1, 2, 3, 4, 5, 6, 7, 8, 9, 85, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**53 + 1, 2**63, 10**40)
NUMBERS = (0.0, -0.0, 0.5, 1.5, -1.0, 1e-45, 1e-38, 3e38, 1e39, 1e300, -1e308)
WORDS = (
    "", "plain", "feedback", "delta", "per_tensor", "per_channel", "per_group", "per_node", "l1", "l21", "features",
    "linear", "diffuse", "elastic", "dense_packed", "sparse_packed", "sparse_pattern", "dense_float32", "1.1", "1.9",
    "9.0", "smoothbit-graph", "aggregate", "attend", "combine", "concat", "activate", "normalize", "readout", "sum",
    "mean", "max", "additive", "dynamic", "dot", "row", "set", "graph", "length", "elu", "gelu", "prelu", "tanh",
    "\ud800", "[/x]", "\x1b[2J", "x" * 3000,
)  # fmt: skip
OTHERS = (None, True, False, [], {}, [0], {"a": 1}, _nested(40), _nested(70))
BROKEN = (AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What a mutation meets where an earlier one broke the place that it wants to change."""
DTYPES = ("U8", "I32", "I64", "F32", "F64", "BF16", "u8", "")
FLOATS = np.array(
    [0, -0.0, np.nan, np.inf, -np.inf, -1, 0.5, 255, 1e-45, 2.0**-126, 2.0**-127, 2.0**118, 2.0**119, 3e38, -3e38, 257],
    np.float32,
)


def mutate(seed: Parts, rng: Rng) -> bytes:
    """Return a file made from a seed by one to four mutations, most of them deep in the layout."""
    parts = seed.copy()
    stage = rng.random()
    for _ in range(rng.randrange(1, 4)):
        with suppress(*BROKEN):
            _pick(rng, TENSOR_CHANGES if rng.random() < 0.3 else DOCUMENT_CHANGES)(parts, rng)
        if stage > 0.75:
            break
    header, data = parts.header() if stage < 0.9 else seed.header()
    if stage > 0.8:
        with suppress(*BROKEN):
            _pick(rng, HEADER_CHANGES)(header, rng)
    text = json.dumps(header).encode()
    if 0.7 < stage < 0.8:
        text = _pick(rng, TEXT_CHANGES)(text, rng)
    file = join(text, data)
    return _pick(rng, BYTE_CHANGES)(file, rng) if stage < 0.05 else file


def _pick(rng: Rng, items: Any) -> Any:
    return items[int(rng.random() * len(items))]


def _hostile(rng: Rng, old: object) -> object:
    """Return a value to put in place of `old`: often one of its kind."""
    if isinstance(old, bool) and rng.random() < 0.7:
        return not old
    if isinstance(old, int) and rng.random() < 0.6:
        return old + rng.randrange(-2, 3)
    if isinstance(old, float) and rng.random() < 0.6:
        return _pick(rng, NUMBERS)
    if isinstance(old, str) and rng.random() < 0.8:
        return _pick(rng, WORDS)
    if old is None and rng.random() < 0.7:
        return rng.randrange(4)
    return deepcopy(_pick(rng, _pick(rng, (INTEGERS, NUMBERS, WORDS, OTHERS))))


def _places(value: object) -> list[tuple[Any, Any]]:
    """Return container and key of every value below `value`."""
    found: list[tuple[Any, Any]] = []
    open_values = [value]
    while open_values:
        item = open_values.pop()
        keys: Any = item if isinstance(item, dict) else range(len(item)) if isinstance(item, list) else ()
        for key in keys:
            found.append((item, key))
            open_values.append(item[key])
    return found


# Documents: plan, info, graph.


def _replace(parts: Parts, rng: Rng) -> None:
    holder, key = _pick(rng, _places(parts.metadata))
    holder[key] = _hostile(rng, holder[key])


def _delete(parts: Parts, rng: Rng) -> None:
    holder, key = _pick(rng, _places(parts.metadata))
    del holder[key]


def _repeat(parts: Parts, rng: Rng) -> None:
    """Say an item of a list again, or put the value of one field into another."""
    holder, key = _pick(rng, _places(parts.document) or [(parts.metadata, "format")])
    if isinstance(holder, list):
        holder.insert(rng.randrange(len(holder) + 1), deepcopy(holder[key]))
    else:
        holder[_pick(rng, [*holder, "unknown"])] = deepcopy(holder[key])


def _nullify(parts: Parts, rng: Rng) -> None:
    """Turn every law of one field of an operation into float32, or into the first law."""
    _, op = _an_op(parts, rng)
    fields = ("law", "weight", "output", "message", "aggregates", "updates", "deltas", "delta_aggregates", "duals")
    names = [name for name in fields if name in op]
    if names:
        name, law = _pick(rng, names), _pick(rng, (None, None, 0))
        op[name] = _pick(rng, ([], [law] * len(op[name]))) if isinstance(op[name], list) else law


def _reroute(parts: Parts, rng: Rng) -> None:
    """Let an operation, or the plan, read another value: backward, forward, or its own."""
    k, op = _an_op(parts, rng)
    target = rng.randrange(-1, len(parts.document.get("ops", ())) + 2)
    place = _pick(rng, ("source", "source", "skip", "scores", "embedding"))
    holder = op if place in ("source", "skip") else parts.document
    holder[place] = target if rng.random() < 0.8 else k + 1


def _resteps(parts: Parts, rng: Rng) -> None:
    """Change the number of steps together with the lists and the correction that depend on it."""
    k, op = _an_op(parts, rng)
    if not isinstance(op.get("num_steps"), int):
        return
    steps = op["num_steps"] = int(_pick(rng, (1, 1, 2, 3, 4, 0, 40)))
    for name, items in op.items():
        if isinstance(items, list) and items:
            op[name] = [_pick(rng, items) for _ in range(steps)]
    name = f"{k}.correction"
    if name in parts.tensors:
        parts.tensors[name] = np.float32([rng.choices(FLOATS[:8], k=steps) for _ in range(2)])


def _diffuse_fields(parts: Parts, rng: Rng) -> None:
    """Set the fields of format 1.1 and 1.2, and the correction, with or without what belongs to them."""
    k, op = _an_op(parts, rng)
    parts.metadata["format_version"] = "1.2"
    steps = op.get("num_steps")
    if rng.random() < 0.5:
        op["coding"] = _pick(rng, WORDS[1:4])
    if rng.random() < 0.3:
        op["has_relu"] = rng.random() < 0.5
    if rng.random() < 0.6 and isinstance(steps, int) and 0 < steps < 100:
        op["has_correction"] = True
        parts.tensors[f"{k}.correction"] = np.float32([rng.choices((0, 0, 0.5, -1, 3e38), k=steps) for _ in range(2)])
        for name in ("deltas", "delta_aggregates"):
            op[name] = _pick(rng, ([], [None] * steps, [0] * steps, deepcopy(op.get("updates"))))


def _new_op(parts: Parts, rng: Rng) -> None:
    """Insert a copy of an operation, or move one; tensors keep their names."""
    ops = parts.document.get("ops")
    if isinstance(ops, list) and ops:
        op = _pick(rng, ops)
        ops.insert(rng.randrange(len(ops) + 1), deepcopy(op))


def _append_op(parts: Parts, rng: Rng) -> None:
    """Append a copy of an operation that reads the last value, with copies of its tensors: often a valid plan."""
    ops = parts.document.get("ops")
    if not isinstance(ops, list) or not ops:
        return
    k = rng.randrange(len(ops))
    op = deepcopy(ops[k])
    if isinstance(op, dict):
        op["source"] = len(ops) if rng.random() < 0.7 else rng.randrange(1, len(ops) + 1)
    for name, array in list(parts.tensors.items()):
        if name.startswith(f"{k}."):
            parts.tensors[f"{len(ops)}.{name.partition('.')[2]}"] = array.copy()
    ops.append(op)
    parts.document["scores"] = len(ops)


def _an_op(parts: Parts, rng: Rng) -> tuple[int, dict[str, Any]]:
    ops = [item for item in enumerate(parts.document.get("ops") or ()) if isinstance(item[1], dict)]
    return _pick(rng, ops) if ops else (0, parts.document)


def _law_run(parts: Parts, rng: Rng) -> None:
    """Change the header of a run of laws, some of it with the numbers that belong to it."""
    runs = parts.document.get("laws")
    if not isinstance(runs, list) or not runs or not isinstance(runs[0], list):
        return
    run = _pick(rng, runs)
    if len(run) != 7:
        return
    place = rng.randrange(7)
    choices: tuple[Any, ...] = (
        (1, 2, 3, 100_000_000), (1, 2, 4, 8, 3), WORDS[4:8], (1, 2, 3, 4, 5, 6, 2**31 - 1),
        (0, 1, 2, 7, 2**31 - 1), (1, 85, 255, 17), (0, 1, 2, 5),
    )  # fmt: skip
    run[place] = _pick(rng, choices[place])
    if run[2] == "per_group" and run[4] == 0:
        run[4] = _pick(rng, (1, 2, 3, 2**31 - 1))
    if rng.random() < 0.7:
        _fit_laws(parts, runs, rng)


def _fit_laws(parts: Parts, runs: list[Any], rng: Rng) -> None:
    """Give the tensors of the laws the lengths that the runs ask for, when those are small."""
    if not all(len(run) == 7 and all(isinstance(run[k], int) for k in (0, 3, 6)) for run in runs):
        return
    rows = sum(run[0] * run[3] for run in runs)
    phases = sum(run[0] * run[6] for run in runs)
    if not 0 < rows < 1000 or not 0 <= phases < 1000:
        return
    parts.tensors["scale"] = np.resize(parts.tensors.get("scale", np.float32([0.5])), rows)
    parts.tensors["zero_point"] = np.resize(parts.tensors.get("zero_point", np.uint8([0])), rows)
    if phases:
        parts.tensors["phase"] = np.float32(rng.choices((0, 0.5, -0.5, 256, -256), k=phases))
    else:
        parts.tensors.pop("phase", None)
    parts.document["shifts"] = []


DOCUMENT_CHANGES: tuple[Callable[[Parts, Rng], None], ...] = (
    _replace, _replace, _replace, _delete, _repeat, _nullify, _nullify, _reroute, _reroute, _resteps, _diffuse_fields,
    _diffuse_fields, _new_op, _append_op, _append_op, _law_run, _law_run,
)  # fmt: skip


# Tensors.


def _tensor_value(parts: Parts, rng: Rng) -> None:
    if not parts.tensors:
        return
    array = parts.tensors[_pick(rng, sorted(parts.tensors))].reshape(-1)
    if array.size == 0:
        return
    place = slice(None) if rng.random() < 0.1 else rng.randrange(array.size)
    if array.dtype == np.float32:
        array[place] = _pick(rng, FLOATS)
    else:
        info = np.iinfo(array.dtype)
        array[place] = min(max(_pick(rng, (*INTEGERS, info.min, info.max)), info.min), info.max)


def _tensor_shape(parts: Parts, rng: Rng) -> None:
    if not parts.tensors:
        return
    name = _pick(rng, sorted(parts.tensors))
    shape = list(parts.tensors[name].shape) or [1]
    shape[rng.randrange(len(shape))] = rng.randrange(9)
    if rng.random() < 0.2:
        shape.append(1)
    parts.tensors[name] = np.resize(parts.tensors[name], shape).astype(parts.tensors[name].dtype)


def _tensor_dtype(parts: Parts, rng: Rng) -> None:
    if not parts.tensors:
        return
    name = _pick(rng, sorted(parts.tensors))
    with np.errstate(all="ignore"):
        parts.tensors[name] = parts.tensors[name].astype(_pick(rng, (np.uint8, np.int32, np.int64, np.float32)))


def _tensor_name(parts: Parts, rng: Rng) -> None:
    if not parts.tensors:
        return
    name = _pick(rng, sorted(parts.tensors))
    new = _pick(rng, (*sorted(parts.tensors), "0.weight", "1.bias", "order", "labels", "", "\ud800", "é"))
    array = parts.tensors.pop(name) if rng.random() < 0.5 else parts.tensors[name]
    parts.tensors[new] = array


TENSOR_CHANGES = (_tensor_value, _tensor_value, _tensor_value, _tensor_shape, _tensor_dtype, _tensor_name)


# Header: entries of tensors, as the container reads them.


def _entry_field(header: dict[str, Any], rng: Rng) -> None:
    entry = _pick(rng, [value for key, value in header.items() if key != "__metadata__"] or [{"shape": [1]}])
    name = _pick(rng, sorted(entry))
    if name == "dtype":
        entry[name] = _pick(rng, DTYPES)
    elif entry[name]:
        k = rng.randrange(len(entry[name]))
        entry[name][k] = _hostile(rng, entry[name][k])


def _entry_moved(header: dict[str, Any], rng: Rng) -> None:
    """Move or stretch a tensor: overlaps, holes, offsets past the end."""
    entry = _pick(rng, [value for key, value in header.items() if key != "__metadata__"] or [{"data_offsets": [0, 0]}])
    shift = int(_pick(rng, (-8, -4, -1, 1, 4, 8, 2**31, 2**62)))
    for k in _pick(rng, ((0,), (1,), (0, 1))):
        entry["data_offsets"][k] += shift


def _entry_empty(header: dict[str, Any], rng: Rng) -> None:
    """Give a tensor without elements huge extents."""
    entry = _pick(rng, [value for key, value in header.items() if key != "__metadata__"] or [{}])
    entry["shape"] = _pick(rng, ([0, 2**62], [0, 2**40, 2**40], [2**60, 0], [2**31, 2**31], [0], [0] * 9, [1] * 8))
    if rng.random() < 0.6 and "data_offsets" in entry:
        entry["data_offsets"][1] = entry["data_offsets"][0]


def _entry_replaced(header: dict[str, Any], rng: Rng) -> None:
    holder, key = _pick(rng, _places(header))
    holder[key] = _hostile(rng, holder[key])


def _entry_deleted(header: dict[str, Any], rng: Rng) -> None:
    holder, key = _pick(rng, _places(header))
    del holder[key]


HEADER_CHANGES = (_entry_field, _entry_field, _entry_moved, _entry_moved, _entry_empty, _entry_replaced, _entry_deleted)


# Text of the header.


def _double_key(text: bytes, rng: Rng) -> bytes:
    return b'{"__metadata__": {}, ' + text[1:] if rng.random() < 0.5 else text[:-1] + b"," + text[1:]


def _deep(text: bytes, rng: Rng) -> bytes:
    depth = int(_pick(rng, (10, 60, 70, 300, 900, 990, 1000, 5000)))
    opening, closing = _pick(rng, ((b"[", b"]"), (b'{"a":', b"}"), (b"[", b"")))
    inner = opening * depth + b"1" + closing * depth
    return _pick(rng, (inner, text[:-1] + b', "x": ' + inner + b"}"))


def _bad_text(text: bytes, rng: Rng) -> bytes:
    place = rng.randrange(len(text))
    words = (
        b"\xff",
        b"\xc3",
        b"\xed\xa0\x80",
        b"\x00",
        b"NaN",
        b"Infinity",
        b"1e999",
        b"-",
        b'"',
        b"\\ud800",
        b"\\",
        b"9" * 5000,
    )
    return text[:place] + _pick(rng, words) + text[place + rng.randrange(3) :]


def _bad_number(text: bytes, rng: Rng) -> bytes:
    """Put a number that JSON has no finite double for in place of one."""
    digits = [k for k, byte in enumerate(text) if 48 <= byte <= 57]
    place = int(_pick(rng, digits or [0]))
    return (
        text[:place]
        + _pick(rng, (b"1e999", b"NaN", b"-Infinity", b"9" * 400, b"9" * 5000, b"0x1", b"1."))
        + text[place + 1 :]
    )


TEXT_CHANGES = (_double_key, _deep, _bad_text, _bad_text, _bad_number)


# Bytes of the file.


def _flip(file: bytes, rng: Rng) -> bytes:
    changed = bytearray(file)
    for _ in range(rng.randrange(1, 9)):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut(file: bytes, rng: Rng) -> bytes:
    return file[: rng.randrange(len(file))]


def _grow(file: bytes, rng: Rng) -> bytes:
    return file + bytes(rng.randrange(1, 40))


def _length(file: bytes, rng: Rng) -> bytes:
    wrong = int(
        _pick(rng, (0, 1, 2, len(file), len(file) - 8, 10**8, 10**8 + 1, 2**63, 2**64 - 1, rng.randrange(4000)))
    )
    return wrong.to_bytes(8, "little") + file[8:]


def _splice(file: bytes, rng: Rng) -> bytes:
    first, last = sorted((rng.randrange(len(file)), rng.randrange(len(file))))
    return file[:first] + file[last:] if rng.random() < 0.5 else file[:last] + file[first:]


BYTE_CHANGES = (_flip, _flip, _cut, _grow, _length, _splice)

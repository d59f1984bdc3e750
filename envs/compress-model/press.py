"""The controller team's press: makes device/predict.py and device/weights.bin of the network.

python data/press.py --first sparse|rank --second sparse|rank --codes even|log --share first|second

first, second  how a layer's matrix is stored. sparse: in each row the weights with the largest
               effect (size of the weight times that of its input), with their columns; rank: the
               product of two thin matrices (singular value decomposition, rows weighed equally)
codes          what four bits stand for, with one scale for all that a layer stores. even: 15 evenly
               spaced values; log: zero, and powers of two of both signs
share          the layer that gets two thirds of the bytes

Biases and the last layer are stored in 16 bits; the last layer is fitted again to the recordings.
It prints what the files hold and the root mean squared error on the recordings.
"""

import argparse
import json
from pathlib import Path

import numpy as np

BYTES = 1200
"""Of both matrices."""
SPARSE_BYTES, CODES_PER_BYTE = 1.5, 2
"""Of a weight that is kept: four bits and the byte of its column."""
PENALTY = 0.05
"""Of the last layer's fit, by recording."""
DECODER = """import numpy as np
z=open("weights.bin","rb").read()
p=0
def t(n,d):
    global p
    a=np.frombuffer(z,d,n,p);p+=a.nbytes
    return a.astype(float)
def c(n):
    s=t(1,"f4");a=t((n+1)//2,"u1").astype(int);a=np.stack([a&15,a>>4],1).ravel()[:n]-8
    return s*(np.sign(a)*2.**-(7-abs(a)) if L else a/7)
L,=t(1,"u1")
h=np.load("data/readings.npy")
for m,n in((64,32),(64,64)):
    q,k=t(2,"u1").astype(int)
    if q:w=c(m*k).reshape(m,k)@c(k*n).reshape(k,n)
    else:
        w=np.zeros((m,n));i=t(m*k,"u1").astype(int).reshape(m,k);np.put_along_axis(w,i,c(m*k).reshape(m,k),1)
    h=np.maximum(h@w.T+t(m,"f2"),0)
np.savetxt("nox.txt",h@t(64,"f2")+t(1,"f4"),"%.3f")
"""


def load():
    return (
        dict(np.load("data/network.npz")),
        np.load("data/train_x.npy"),
        np.load("data/train_y.npy"),
    )


def encode(values, log):
    """The bytes of a scale and of four bits a value, and the values that they stand for."""
    flat = np.asarray(values, dtype=float).ravel()
    scale = float(np.float32(np.abs(flat).max() or 1.0))
    if log:
        power = np.round(7 + np.log2(np.maximum(np.abs(flat) / scale, 1e-9)))
        code = np.where(power < 1, 0, np.sign(flat) * power).astype(int)
        told = scale * np.sign(code) * 2.0 ** -(7 - np.abs(code))
    else:
        code = np.round(7 * flat / scale).astype(int)
        told = scale * code / 7
    pairs = np.append(code, np.zeros(len(code) % 2, int)).reshape(-1, 2) + 8
    packed = (pairs[:, 0] | pairs[:, 1] << 4).astype("u1")
    return np.float32(scale).tobytes() + packed.tobytes(), told.reshape(np.shape(values))


def store_sparse(matrix, effect, room, log):
    keep = min(int(room / SPARSE_BYTES / len(matrix)), matrix.shape[1])
    columns = np.sort(np.argsort(-effect, axis=1)[:, :keep], axis=1)
    code, kept = encode(np.take_along_axis(matrix, columns, 1), log)
    told = np.zeros_like(matrix)
    np.put_along_axis(told, columns, kept, 1)
    return bytes([0, keep]) + columns.astype("u1").tobytes() + code, told


def store_rank(matrix, size, room, log):
    rank = int(room * CODES_PER_BYTE / sum(matrix.shape))
    rows = np.linalg.norm(matrix * size, axis=1)[:, None] + 1e-12
    u, s, v = np.linalg.svd(matrix * size / rows, full_matrices=False)
    root = np.sqrt(s[:rank])
    first, left = encode(rows * u[:, :rank] * root, log)
    second, right = encode(root[:, None] * v[:rank] / size, log)
    return bytes([1, rank]) + first + second, left @ right


def press(network, x, y, kinds, codes, share):
    """The content of weights.bin, and what it predicts for the recordings."""
    log, content, hidden = codes == "log", [bytes([codes == "log"])], x
    for layer, kind in zip(("first", "second"), kinds, strict=True):
        number = 1 + (layer == "second")
        matrix, bias = network[f"w{number}"].astype(float), network[f"b{number}"]
        room = BYTES * (2 / 3 if layer == share else 1 / 3)
        size = np.sqrt((hidden**2).mean(0)) + 1e-9
        if kind == "sparse":
            packed, told = store_sparse(matrix, np.abs(matrix) * size, room, log)
        else:
            packed, told = store_rank(matrix, size, room, log)
        bias = bias.astype("<f2")
        content += [packed, bias.tobytes()]
        hidden = np.maximum(hidden @ told.T + bias, 0)
    head = fit_head(hidden, y, network["w3"].astype(float)).astype("<f2")
    out = hidden @ head.astype(float)
    level = np.float32(y.mean() - out.mean())
    return b"".join([*content, head.tobytes(), level.tobytes()]), out + level


def fit_head(hidden, y, old):
    """Ridge regression of what a multiple of the old head leaves, each unit on its own scale."""
    h, target = hidden - hidden.mean(0), y - y.mean()
    slope = (h @ old @ target) / (h @ old @ (h @ old) + 1e-9)
    size = np.maximum(h.std(0), 1e-3 * h.std() + 1e-9)  # units that the press put out have none
    z = h / size
    square = z.T @ z + PENALTY * len(z) * np.eye(z.shape[1])
    return slope * old + np.linalg.solve(square, z.T @ (target - slope * (h @ old))) / size


def write(content):
    Path("device").mkdir(exist_ok=True)
    Path("device/predict.py").write_text(DECODER)
    Path("device/weights.bin").write_bytes(content)


def main():
    parser = argparse.ArgumentParser()
    for name, choices in (
        ("first", ("sparse", "rank")),
        ("second", ("sparse", "rank")),
        ("codes", ("even", "log")),
        ("share", ("first", "second")),
    ):
        parser.add_argument(f"--{name}", choices=choices, default=choices[0])
    options = parser.parse_args()
    network, x, y = load()
    kinds = options.first, options.second
    content, predicted = press(network, x, y, kinds, options.codes, options.share)
    write(content)
    print(json.dumps({"predict.py": len(DECODER), "weights.bin": len(content)}))
    print(f"validation: {np.sqrt(((predicted - y) ** 2).mean()):.4f}")


if __name__ == "__main__":
    main()

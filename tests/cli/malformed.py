"""Wrong input, by area. Each case: a name, the files it stands on, the command line, and what the message must say.

`says` are words that name the place or the thing: a file with its line, an option, a field. `{run}` is a copy of a trained run.
"""

from __future__ import annotations

from dataclasses import dataclass, field

HEADER = "qsan 1.0\n"

CLASSIFIER = """qsan 1.0
circuit f[n: nat](x: real[n], th: angle[n]) on q: qubit[n] -> real {
  for i in 0..n { ry(x[i]) q[i]; rx(th[i]) q[i]; }
  cx q[0], q[1];
  return expval(Z(q[1]));
}
model m {
  data { x: real[2] in -pi..=pi; label: bit; }
  params { th: angle[2] ~ normal(0, 0.1); w: real = 1; b: real = 0; }
  flow { predict sigmoid(w * f(x, th) + b); }
  loss cross_entropy(predict, label);
  train { optimizer: adam(lr = 0.05); epochs: 2; batch: 4; }
}
"""

READER = """qsan 1.0
model m {
  size vocab;
  data { dim S in 1..=4; tokens: int[S] in 0..vocab; label: bit; }
  params { emb: real[vocab, 2] ~ normal(0, 0.1); w: real[2] ~ normal(0, 0.1); b: real = 0; }
  flow { predict sigmoid(dot(w, mean(emb[tokens], axis = 0)) + b); }
  loss mse(predict, label);
  train { epochs: 2; batch: 4; }
}
"""

NUMBERS = "x_0\tx_1\tlabel\n" + "".join(f"{k / 10:.1f}\t{-k / 10:.1f}\t{k % 2}\n" for k in range(20))
TEXTS = "text\tlabel\n" + "".join(f"{'good' if k % 2 else 'bad'} meal {k}\t{k % 2}\n" for k in range(20))


@dataclass(frozen=True)
class Case:
    name: str
    arguments: str
    files: dict[str, str | bytes] = field(default_factory=dict)
    says: tuple[str, ...] = ()
    code: int = 1


def source(name: str, text: str | bytes, *says: str, command: str = "check bad.qsan") -> Case:
    return Case(name, command, {"bad.qsan": text}, says or ("bad.qsan:",))


def ansatz(name: str, body: str, *says: str) -> Case:
    """One wrong statement in line 3 of an ansatz on four qubits with the angles th[2, 4]."""
    text = f"{HEADER}ansatz a(th: angle[2, 4]) on q: qubit[4] {{\n  {body}\n}}\n"
    return source(name, text, "bad.qsan:3:", *says)


def flow(name: str, expression: str, *says: str) -> Case:
    """A wrong expression in line 4 of a model of a sentence."""
    text = (
        f"{HEADER}model m {{ size vocab = 3; data {{ dim S in 1..=4; tokens: int[S] in 0..vocab; label: bit; }}\n"
        "params { emb: real[vocab, 2] ~ normal(0, 1); w: real[2] = 1; }\n"
        f"flow {{ predict {expression}; }}\nloss mse(predict, label); }}\n"
    )
    return source(name, text, "bad.qsan:4:", *says)


def attention(name: str, parts: str, *says: str) -> Case:
    text = f"{HEADER}attention t[S: dim](x: angle[S, 2]) on q: qubit[2] -> real[S, 2] {{\n{parts}\n}}\n"
    return source(name, text, *(says or ("bad.qsan:",)))


def noise(name: str, rule: str, *says: str) -> Case:
    return source(name, f"{HEADER}noise device {{\n  {rule}\n}}\n", "bad.qsan:3:", *says)


def numbers(name: str, data: str | bytes, *says: str, options: str = "", file: str = "d.tsv") -> Case:
    files: dict[str, str | bytes] = {"m.qsan": CLASSIFIER, file: data}
    return Case(name, f"train m.qsan --data {file} --out out {options}", files, says or (f"{file}:",))


def texts(name: str, data: str | bytes, *says: str, options: str = "", file: str = "d.tsv") -> Case:
    files: dict[str, str | bytes] = {"m.qsan": READER, file: data}
    return Case(name, f"train m.qsan --data {file} --out out {options}", files, says or (f"{file}:",))


def folder(name: str, damage: dict[str, str | bytes], *says: str, command: str = "predict {run} 'good meal'") -> Case:
    return Case(name, command, damage, says)


def usage(name: str, arguments: str, *says: str, code: int = 2) -> Case:
    files: dict[str, str | bytes] = {"m.qsan": CLASSIFIER, "d.tsv": NUMBERS}
    return Case(name, arguments, files, says, code)


PARTS = "encode { rx(x[0]) q[0]; }\nquery { h q[0]; } -> Z(q[0]);\nkey { h q[0]; } -> Z(q[0]);\nvalue { h q; } -> [Z(q[i]) for i in 0..2];\n"

CASES = (
    # files that are no programs
    source("empty file", ""),
    source("only a comment", "// nothing\n"),
    source("no header", "const k = 1;\n", "QS001"),
    source("unknown version", "qsan 9.0\nconst k = 1;\n", "9.0"),
    source("header without version", "qsan\nconst k = 1;\n"),
    source("binary data", bytes(range(256)) * 4, "bad.qsan"),
    source("zero bytes", HEADER + "const k = 1;\x00\x00\n"),
    source("not utf-8", HEADER.encode() + b"const k = 1; // \xff\xfe\n", "bad.qsan", "UTF-8"),
    source("utf-16", (HEADER + "const k = 1;\n").encode("utf-16"), "bad.qsan"),
    source("a picture", b"\x89PNG\r\n\x1a\n" + b"\x00" * 64, "bad.qsan"),
    source("a directory", "", "d", command="check d.dir/.."),
    source("truncated in a model", CLASSIFIER[:330]),
    source("truncated in a circuit", CLASSIFIER[:120]),
    source("truncated in a name", CLASSIFIER[:15]),
    source("truncated in a call", CLASSIFIER[:200]),
    source("deep parentheses", f"{HEADER}const k = {'(' * 5000}1{')' * 5000};\n", "bad.qsan:2:"),
    source("deep lists", f"{HEADER}const k = {'[' * 5000}1{']' * 5000};\n", "bad.qsan:2:"),
    source("deep minus", f"{HEADER}const k = {'-' * 5000}1;\n", "bad.qsan:2:"),
    source("deep not", f"{HEADER}const k: bool = {'not ' * 5000}true;\n", "bad.qsan:2:"),
    source("deep power", f"{HEADER}const k = 1{'^1' * 5000};\n", "bad.qsan:2:"),
    source("deep calls", f"{HEADER}const k = {'exp(' * 5000}1{')' * 5000};\n", "bad.qsan:2:"),
    source("deep blocks", f"{HEADER}ansatz a() on q: qubit[1] {{ {'for i in 0..1 {' * 3000} {'}' * 3000} }}\n", "bad.qsan:2:"),
    source("deep else", f"{HEADER}ansatz a() on q: qubit {{ {'if true { } else ' * 3000} {{ }} }}\n", "bad.qsan:2:"),
    source("open comment", HEADER + "const k = 1; /* for ever\n", "bad.qsan:2:"),
    source("open string", HEADER + 'from "file import x;\n', "bad.qsan:2:"),
    source("missing semicolon", HEADER + "const k = 1\nconst l = 2;\n", "bad.qsan:2:12", "QS003"),
    source("stray brace", HEADER + "const k = 1;\n}\n", "bad.qsan:3:1"),
    source("stray letter", HEADER + "const k = 1 $ 2;\n", "bad.qsan:2:13"),
    source("keyword as name", HEADER + "const model = 1;\n", "bad.qsan:2:7"),
    source("reserved word as name", HEADER + "const kernel = 1;\n", "bad.qsan:2:7"),
    source("python range", HEADER + "ansatz a() on q: qubit[3] { for i in range(3) { h q[i]; } }\n", "bad.qsan:2:", "QS004"),
    source("python comment", HEADER + "# a comment\n", "bad.qsan:2:1", "QS004"),
    source("openqasm register", HEADER + "qreg q[3];\n", "bad.qsan:2:1", "QS004"),
    source("chained comparison", HEADER + "const k: bool = 1 < 2 < 3;\n", "bad.qsan:2:", "QS004"),
    source("huge integer", f"{HEADER}const k = {'9' * 5000};\n", "bad.qsan:2:"),
    source("infinite number", HEADER + "const k = 1e999;\n", "bad.qsan:2:"),
    source("letters of another script", HEADER + "const \u03b8 = 1;\n", "bad.qsan:2:"),
    # names and imports
    source("unknown name", HEADER + "const k = nowhere;\n", "bad.qsan:2:11", "nowhere"),
    source("duplicate name", HEADER + "const k = 1;\nconst k = 2;\n", "bad.qsan:3:7", "QS102"),
    source("missing import", HEADER + 'from "nowhere.qsan" import a;\n', "bad.qsan:2:", "nowhere.qsan"),
    source("unknown std module", HEADER + "import std.nowhere;\n", "bad.qsan:2:", "nowhere"),
    source("import of a missing name", HEADER + "from std.ring import nowhere;\n", "bad.qsan:2:", "nowhere"),
    source("import of itself", HEADER + 'from "bad.qsan" import a;\n', "bad.qsan:2:", "QS104"),
    source("import from above", HEADER + 'from "../other.qsan" import a;\n', "bad.qsan:2:", "QS104"),
    source("import of a device", HEADER + 'from "/dev/zero" import a;\n', "bad.qsan:2:", "QS104"),
    Case(
        "cyclic import",
        "check a.qsan",
        {
            "a.qsan": HEADER + 'from "b.qsan" import y;\nconst x = 1;\n',
            "b.qsan": HEADER + 'from "a.qsan" import x;\nconst y = 1;\n',
        },
        (".qsan:2:", "QS104"),
    ),
    Case(
        "error in an imported file",
        "check a.qsan",
        {"a.qsan": HEADER + 'from "b.qsan" import y;\n', "b.qsan": HEADER + "const y = ;\n"},
        ("b.qsan:2:",),
    ),
    source("recursion", HEADER + "ansatz a() on q: qubit { a q; }\n", "bad.qsan:2:", "QS106"),
    source("constants in a circle", HEADER + "const k = l;\nconst l = k;\n", "bad.qsan:"),
    # circuits
    ansatz("unknown gate", "hadamard q;", "hadamard"),
    ansatz("too few operands", "cx q[0];", "QS303"),
    ansatz("one qubit twice", "cx q[1], q[1];", "QS302"),
    ansatz("qubit out of range", "h q[4];", "QS301"),
    ansatz("negative qubit", "h q[0 - 1];"),
    ansatz("angle out of range", "rx(th[2, 0]) q[0];", "QS205"),
    ansatz("angle missing", "rx q[0];"),
    ansatz("angle too many", "h(th[0, 0]) q[0];"),
    ansatz("angle is an array", "rx(th[0]) q[0];"),
    ansatz("unknown register", "h r[0];", "r"),
    ansatz("range backwards is no qubit", "for i in 0..9 { h q[i]; }", "QS301"),
    ansatz("division by zero", "rx(1 / 0) q[0];"),
    ansatz("gate on a number", "h 3;"),
    ansatz("unknown modifier", "twice @ h q[0];"),
    source("loop beyond reason", HEADER + "ansatz a() on q: qubit { for i in 0..10^12 { h q; } }\n", "bad.qsan:2:"),
    source("register beyond reason", HEADER + "ansatz a() on q: qubit[10^12] { h q; }\n", "bad.qsan:2:"),
    source("negative register", HEADER + "ansatz a() on q: qubit[0 - 3] { h q; }\n", "bad.qsan:2:"),
    source("circuit returns nothing", HEADER + "circuit c() on q: qubit -> real { h q; }\n", "bad.qsan:2:"),
    source("wrong result type", HEADER + "circuit c() on q: qubit -> real[2] { return expval(Z(q)); }\n", "bad.qsan:2:"),
    source("requirement fails", HEADER + "from std.ring import ring;\ncircuit c(t: angle[3, 1]) on q: qubit[1] -> real { ring(t) q; return expval(Z(q[0])); }\n", "ring.qsan:", "QS204"),
    # attention, models, noise, tests
    attention("score missing", PARTS + "normalize rows;", "bad.qsan:2:", "QS601"),
    attention("encode twice", PARTS + "encode { h q; }\nscore query * key;", "QS601"),
    attention("query and key differ", PARTS.replace("-> Z(q[0]);\nvalue", "-> [Z(q[0]), X(q[0])];\nvalue") + "score query * key;", "QS602"),
    attention("unknown normalisation", PARTS + "score exp(query * key);\nnormalize columns;", "bad.qsan:8:"),
    attention("too many paulis", PARTS.replace("[Z(q[i]) for i in 0..2]", "paulis(q, count = 99)") + "score exp(query * key);", "QS607"),
    flow("product does not fit", "sigmoid(dot(w, [1, 2, 3]))"),
    flow("unknown function", "sigmoidd(dot(w, w))", "sigmoidd"),
    flow("prediction is an array", "concat([w, w])"),
    flow("wrong axis", "sum(w, axis = 3)"),
    source("model without loss", HEADER + "model m { params { a: real = 1; } flow { predict a; } }\n", "bad.qsan:2:", "QS601"),
    source("unknown setting", HEADER + "model m { params { a: real = 1; } flow { predict a; } loss a;\ntrain { pace: 3; } }\n", "bad.qsan:3:", "pace"),
    source("unknown optimizer", HEADER + "model m { params { a: real = 1; } flow { predict a; } loss a;\ntrain { optimizer: adamant(lr = 1); } }\n", "bad.qsan:3:", "adamant"),
    source("unknown distribution", HEADER + "model m { params { a: real ~ gauss(0, 1); } flow { predict a; } loss a; }\n", "bad.qsan:2:", "gauss"),
    noise("channel out of range", "after h: depolarizing(1.5);", "QS501"),
    noise("channel of other arity", "after h: two_qubit_depolarizing(0.1);", "QS502"),
    noise("unknown channel", "after h: gremlins(0.1);", "gremlins"),
    noise("confusion rows", "readout: confusion([[0.9, 0.2], [0, 1]]);", "QS506"),
    noise("t2 beyond twice t1", "idle: thermal(t1 = 1us, t2 = 3us, dt = 10ns);", "QS507"),
    source("test without assertion", HEADER + "test nothing { let a = 1; }\n", "bad.qsan:2:", "QS701"),
    # the command line
    usage("no file", "check", "FILE"),
    usage("missing file", "check nowhere.qsan", "nowhere.qsan", code=1),
    usage("unknown command", "chekc m.qsan", "chekc"),
    usage("unknown option", "check --frobnicate m.qsan", "frobnicate"),
    usage("size without value", "ir m.qsan --set n", "n"),
    usage("size is no number", "ir m.qsan --set n=six", "six"),
    usage("size is infinite", "ir m.qsan --set n=1e999", "1e999"),
    usage("size given twice", "ir m.qsan --set n=2 --set n=3", "n"),
    usage("unknown size", "ir m.qsan --set nn=2", "nn", code=1),
    usage("unknown stage", "ir m.qsan --stage quantum", "quantum"),
    usage("unknown model", "train m.qsan --model k --data d.tsv --out out", "k", code=1),
    usage("unknown backend", "train m.qsan --data d.tsv --out out --backend abacus", "abacus", code=1),
    usage("training without data", "train m.qsan --out out", "m", code=1),
    usage("negative epochs", "train m.qsan --data d.tsv --out out --epochs -3", "epochs"),
    usage("learning rate is no number", "train m.qsan --data d.tsv --out out --lr fast", "fast"),
    usage("learning rate is nan", "train m.qsan --data d.tsv --out out --lr nan", "lr"),
    usage("unknown gradient", "train m.qsan --data d.tsv --out out --grad guess", "guess"),
    usage("unknown code", "explain-error QS999", "QS999", code=1),
    usage("unknown circuit", "run m.qsan g", "g", code=1),
    usage("argument missing", "run m.qsan f x=[0.1,0.2]", "th", code=1),
    usage("argument of wrong shape", "run m.qsan f x=[0.1,0.2] th=[[1,2],[3,4]]", "th", code=1),
    usage("ragged argument", "run m.qsan f x=[[1,2],[3]] th=[1,2]", "x", code=1),
    usage("argument is no expression", "run m.qsan f x=[0.1, th=[1,2]", "x", code=1),
    usage("argument is text", "run m.qsan f x=\"a\" th=[1,2]", "x", code=1),
    usage("unknown argument", "run m.qsan f x=[1,2] th=[1,2] y=3", "y", code=1),
    usage("no shots", "run m.qsan f x=[1,2] th=[1,2] --shots 0", "shots"),
    usage("too many qubits", f"run m.qsan f x=[{','.join(['1'] * 60)}] th=[{','.join(['1'] * 60)}]", "QS307", code=1),
    # data
    usage("data file is missing", "train m.qsan --data nowhere.tsv --out out", "nowhere.tsv", code=1),
    usage("data file is a folder", "train m.qsan --data . --out out", ".", code=1),
    numbers("data of unknown format", NUMBERS, "d.parquet", file="d.parquet"),
    numbers("empty data", "", "d.tsv"),
    numbers("header alone", "x_0\tx_1\tlabel\n", "d.tsv"),
    numbers("no label column", NUMBERS.replace("label", "lable"), "d.tsv:1", "label"),
    numbers("no number column", NUMBERS.replace("x_1", "y"), "d.tsv:1", "x_1"),
    numbers("column twice", NUMBERS.replace("x_1", "x_0"), "d.tsv:1", "x_0"),
    numbers("label 7", NUMBERS.replace("0.2\t-0.2\t0", "0.2\t-0.2\t7"), "d.tsv:4", "7"),
    numbers("label missing", NUMBERS.replace("0.2\t-0.2\t0", "0.2\t-0.2\t"), "d.tsv:4"),
    numbers("one class", NUMBERS.replace("\t1\n", "\t0\n"), "label"),
    numbers("number is a word", NUMBERS.replace("0.2\t", "two\t"), "d.tsv:4", "two"),
    numbers("number is nan", NUMBERS.replace("0.2\t-0.2", "nan\t-0.2"), "d.tsv:4"),
    numbers("number is infinite", NUMBERS.replace("0.2\t-0.2", "1e999\t-0.2"), "d.tsv:4"),
    numbers("number out of range", NUMBERS.replace("0.2\t-0.2", "4.2\t-0.2"), "d.tsv:4", "4.2"),
    numbers("short row", NUMBERS.replace("0.2\t-0.2\t0", "0.2\t-0.2"), "d.tsv:4"),
    numbers("binary data file", NUMBERS.encode() + bytes(64), "d.tsv"),
    numbers("data file not utf-8", NUMBERS.encode() + b"\xff\xff\t1\t0\n", "d.tsv:22"),
    numbers("broken json line", '{"x_0": 1, "x_1": 2, "label": 0}\n{"x_0": 1,\n', "d.jsonl:2", file="d.jsonl"),
    numbers("json line is a list", '{"x_0": 1, "x_1": 2, "label": 0}\n[1, 2, 0]\n', "d.jsonl:2", file="d.jsonl"),
    numbers("json far too deep", '{"x_0": ' + "[" * 100000 + "]" * 100000 + "}\n", "d.jsonl:1", file="d.jsonl"),
    numbers("open quotes", 'x_0,x_1,label\n1,2,"0\n', "d.csv:2", file="d.csv"),
    numbers("too few records", "x_0\tx_1\tlabel\n0\t0\t0\n1\t1\t1\n", "d.tsv"),
    numbers("unknown field", NUMBERS, "y", options="--column y=x_0"),
    numbers("renamed column is missing", NUMBERS, "cls", options="--column label=cls"),
    texts("no word", TEXTS.replace("bad meal 2\t", "!!!\t"), "d.tsv:4"),
    texts("sentence too long", TEXTS.replace("bad meal 2\t", "a b c d e f\t"), "d.tsv:4", "truncate"),
    texts("three classes for a bit", TEXTS.replace("bad meal 2\t0", "bad meal 2\t2"), "d.tsv:4"),
    texts("vocabulary too small", TEXTS, "vocab", options="--set vocab=3"),
    Case(
        "texts of one length differ",
        "train m.qsan --data d.tsv --out out",
        {
            "m.qsan": READER.replace("tokens: int[S] in 0..vocab;", "tokens: int[S] in 0..vocab; second: int[S] in 0..vocab;")
            .replace("emb[tokens]", "emb[tokens] + emb[second]"),
            "d.tsv": "tokens\tsecond\tlabel\n" + "good meal\tgood meal\t1\nbad meal\tbad\t0\n" * 10,
        },
        ("d.tsv:", "QS919"),
    ),
    texts("validation file is missing", TEXTS, "nowhere.tsv", options="--valid nowhere.tsv"),
    # run folders
    Case("run is missing", "predict nowhere 'good meal'", {}, ("nowhere",)),
    Case("run is a file", "predict d.tsv 'good meal'", {"d.tsv": TEXTS}, ("d.tsv",)),
    folder("run.json is no json", {"run.json": "{"}, "run.json"),
    folder("run.json is a list", {"run.json": "[]"}, "run.json"),
    folder("run.json is empty", {"run.json": "{}"}, "run.json"),
    folder("run.json is binary", {"run.json": bytes(range(256))}, "run.json"),
    folder("weights are cut", {"weights.safetensors": b"\x08"}, "weights.safetensors"),
    folder("weights are noise", {"weights.safetensors": bytes(range(256)) * 8}, "weights.safetensors"),
    folder("source was changed", {"model.qsan": READER.replace("0.1", "0.2")}, "model.qsan"),
    folder("source is broken", {"model.qsan": READER[:80]}, "model.qsan"),
    folder("prediction without a word", {}, "<arguments>:1:1", command="predict {run} '!!!'"),
    folder("prediction of a long sentence", {}, "truncate", command="predict {run} 'a b c d e f g'"),
    folder("evaluation of other data", {"other.tsv": NUMBERS}, "other.tsv", command="eval {run} --data {run}/other.tsv"),
    folder("output over a run", {"t.tsv": TEXTS, "t.qsan": READER}, "run", command="train {run}/t.qsan --data {run}/t.tsv --out {run}"),
)  # fmt: skip

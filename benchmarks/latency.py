"""Speech -> benchmarks/LATENCY.md. How long the main job takes, on one thread, beside a naive pipeline.

    python -m benchmarks.latency [--long]

Peer: the same encoder as one would first write it, with transformers and torch: its feature extractor, which pads to
30 s, three layers in 32-bit floats, mean and standard deviation. It needs the extra `train` and ../shared/weights; its
column stays empty without them. Speech comes from ../shared/corpora (or AFFEKT_CORPORA), else from the sample call.
Everything that is compared is run in turns within one process, so that a busy machine slows all alike.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from affekt import audio, bundle
from affekt.features import _mel, whisper
from affekt.types import Signal
from affekt.windows import whole
from benchmarks import page
from recipes import corpora

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
CALL = corpora.ROOT / "examples/call.wav"
WEIGHTS = corpora.ROOT.parent / "shared/weights/whisper-tiny.en-encoder"
WINDOW = 3.0  # s
PAUSE = 0.5  # s
MINUTES = 10

HEARD = """
import json, resource, sys, time
begin = time.perf_counter()
import affekt
timeline = affekt.load().predict_file(sys.argv[1])
seconds = time.perf_counter() - begin
usage = resource.getrusage(resource.RUSAGE_SELF)
try:  # what getrusage calls the peak is, on Linux, at least that of the process which started this one
    peak = int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])
except OSError:
    peak = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
windows = sum(len(turn.windows) for turn in timeline.turns)
speech = timeline.summary().speech
print(json.dumps([seconds, usage.ru_utime + usage.ru_stime, peak / 1024, windows, speech]))
"""
"""From import to timeline; measured from within, in a process of its own so that its memory can be told."""

HEAD = """# Latency

Written by `{command}` on {date}, commit {commit}: {machine}. Medians of wall time, one thread.
Absolute times differ from machine to machine, ratios hardly.

| what | goal | here | peer | peer / here |
|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    here: str
    goal: str = ""
    met: bool | None = None
    peer: float | None = None
    ours: float | None = None
    "seconds; peer and ours are compared"

    def __str__(self) -> str:
        goal = self.goal + {True: ": met", False: ": **missed**", None: ""}[self.met]
        peer = f"{1e3 * self.peer:.1f} ms" if self.peer else ""
        ratio = f"{self.peer / self.ours:.1f}" if self.peer and self.ours else ""
        return f"| {self.what} | {goal} | {self.here} | {peer} | {ratio} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--long", action="store_true", help="hear a file of three hours as well")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = [*windows(), *files(Path(folder)), *starts(Path(folder))]
        if chosen.long:
            rows += long_file(Path(folder))
    command = "python -m benchmarks.latency" + " --long" * chosen.long
    text = HEAD.format(command=command, date=datetime.date.today(), commit=page.commit(), machine=machine())
    text += "".join(f"{row}\n" for row in rows) + NOTES
    page.write("LATENCY.md", text)


def machine() -> str:
    import onnxruntime

    versions = f"Python {platform.python_version()}, numpy {np.__version__}, onnxruntime {onnxruntime.__version__}"
    load = f"load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"
    return f"{platform.machine()} server CPU, {os.cpu_count()} cores, {load}, {versions}"


# One window -------------------------------------------------------------------------------------------------------


def windows() -> Iterator[Row]:
    """A window of 3 s through each step, and through the peers."""
    model = bundle.load()
    heard = speech_windows(8)
    levelled = [whole(signal) for signal in heard]
    vectors = [whisper.embed(window.signal)[None] for window in levelled]
    steps: dict[str, Callable[[int], object]] = {
        "level": lambda i: audio.level(heard[i].samples, heard[i].rate),
        "front": lambda i: _mel.log_mel(whole(heard[i]).signal),
        "embed": lambda i: whisper.embed(levelled[i].signal),
        "head": lambda i: model.judge(vectors[i]),
        "total": lambda i: model.predict([whole(heard[i])]),
        **{name: functools.partial(lambda peer, i: peer(heard[i]), peer) for name, peer in peers().items()},
    }
    took = in_turns(steps, len(heard))
    median = {name: statistics.median(times) for name, times in took.items()}
    naive = median.get("padded")
    yield Row(f"{WINDOW:.0f} s window: level", ms(took["level"]))
    yield goal("... level and mel (front end)", took["front"], 3e-3, peer=median.get("stock mel"))
    yield Row("... mel, encoder, pooling", ms(took["embed"]))
    yield Row("... head", ms(took["head"]))
    yield goal("... all, from samples to prediction", took["total"], 20e-3, peer=naive)
    yield Row("... the peer not padded to 30 s", "", peer=median.get("unpadded"), ours=median["total"])


def goal(what: str, times: Sequence[float], limit: float, *, peer: float | None = None) -> Row:
    """A row of milliseconds that should stay within `limit` (s)."""
    median = statistics.median(times)
    return Row(what, ms(times), f"<= {1e3 * limit:.0f} ms", median <= limit, peer, median)


def ms(times: Sequence[float]) -> str:
    """Median, and the middle nine tenths."""
    low, middle, high = (1e3 * float(value) for value in np.percentile(times, (5, 50, 95)))
    return f"{middle:.2f} ms ({low:.2f} - {high:.2f})"


def in_turns(
    steps: Mapping[str, Callable[[int], object]], inputs: int, *, rounds: int = 120, warm: float = 3.0
) -> dict[str, list[float]]:
    """Time each step once per round, on one input after another, once the processor is warm."""
    begin = time.perf_counter()
    while time.perf_counter() - begin < warm:
        for step in steps.values():
            step(0)
    took: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(rounds):
        for name, step in steps.items():
            begin = time.perf_counter()
            step(number % inputs)
            took[name].append(time.perf_counter() - begin)
    return took


def peers() -> dict[str, Callable[[Signal], object]]:
    """The naive pipeline, the same without padding, and its front end alone; nothing if they cannot run here."""
    try:
        import torch
        from recipes.bundled.export_encoder import LAYERS, load
        from transformers import WhisperFeatureExtractor
    except ImportError as error:
        print(f"no peers: {error}", file=sys.stderr)
        return {}
    if not WEIGHTS.is_dir():
        print(f"no peers: {WEIGHTS} is not there", file=sys.stderr)
        return {}
    torch.set_num_threads(1)
    truncated = load(WEIGHTS)
    encoder, extractor = truncated.encoder, WhisperFeatureExtractor()
    del encoder.layers[LAYERS:]
    encoder.config._attn_implementation = "sdpa"  # transformers' own choice, faster than what the export is made from

    def pooled(frames: torch.Tensor) -> torch.Tensor:
        return torch.cat([frames.mean(dim=1), frames.std(dim=1)], dim=-1)

    def features(signal: Signal, padding: str) -> torch.Tensor:
        made = extractor(signal.samples, sampling_rate=signal.rate, padding=padding, return_tensors="pt")
        return made.input_features

    @torch.inference_mode()
    def padded(signal: Signal) -> torch.Tensor:
        states = encoder(features(signal, "max_length"), output_hidden_states=True).hidden_states
        return pooled(torch.cat(states[1:], dim=-1))

    @torch.inference_mode()
    def unpadded(signal: Signal) -> torch.Tensor:
        return pooled(truncated(features(signal, "longest").transpose(1, 2)))

    return {"padded": padded, "unpadded": unpadded, "stock mel": lambda signal: features(signal, "max_length")}


# Files ------------------------------------------------------------------------------------------------------------


def files(folder: Path) -> Iterator[Row]:
    """Ten minutes of nearly all speech, of nothing but speech, and the sample call again and again."""
    made = {
        f"acted speech, pauses of {PAUSE} s": spoken(folder / "speech.wav", 60 * MINUTES),
        "acted speech, no pause at all": spoken(folder / "monologue.wav", 60 * MINUTES, pause=0.0),
        "the sample call, two channels, 8 kHz": called(folder / "call.wav", 60 * MINUTES),
    }
    paths = {name: path for name, path in made.items() if path is not None}
    runs: dict[str, list[list[float]]] = {name: [] for name in paths}
    for _ in range(5):
        for name, path in paths.items():
            runs[name].append(hear(path))
    for name, found in runs.items():
        yield file_row(f"{MINUTES} minutes: {name}", soundfile.info(paths[name]).duration, found, 100)


def file_row(what: str, duration: float, runs: Sequence[Sequence[float]], times: float | None = None) -> Row:
    seconds, cpu, memory, count, speech = (statistics.median(values) for values in zip(*runs, strict=True))
    here = (
        f"{duration / seconds:.0f} x real time ({seconds:.2f} s wall, {cpu:.2f} s CPU; {speech:.0f} s of speech, "
        f"{count:.0f} windows); {memory:.0f} MB peak"
    )
    return Row(what, here, f">= {times:.0f} x" if times else "", duration / seconds >= times if times else None)


def long_file(folder: Path) -> Iterator[Row]:
    """Three hours: the ten minutes, eighteen times."""
    path = spoken(folder / "three_hours.wav", 3 * 3600) or called(folder / "three_hours.wav", 3 * 3600)
    yield file_row("3 hours", soundfile.info(path).duration, [hear(path)])


def hear(path: Path) -> list[float]:
    """Hear a file in a fresh process on one thread: seconds, CPU seconds, peak MB, windows, seconds of speech."""
    done = subprocess.run([sys.executable, "-c", HEARD, path], capture_output=True, text=True, check=True)
    found: list[float] = json.loads(done.stdout)
    return found


def spoken(path: Path, seconds: float, *, pause: float = PAUSE) -> Path | None:
    """Write clips of all corpora with pauses between them, 16 kHz mono; None where there are no corpora."""
    if not corpora.CORPORA.is_dir():
        return None
    silence = np.zeros(round(pause * audio.RATE), np.float32)
    stretch: list[np.ndarray] = []
    for signal in clips():
        stretch += [trimmed(signal.samples), silence]
        if sum(map(len, stretch)) > min(seconds, 60 * MINUTES) * audio.RATE:
            break
    return repeated(path, np.concatenate(stretch), audio.RATE, seconds)


def trimmed(samples: np.ndarray) -> np.ndarray:
    """From the first to the last 20 ms within 30 dB of the loud ones: studios leave up to 2 s of silence in a clip."""
    frames = samples[: len(samples) // 320 * 320].reshape(-1, 320)
    power = (frames**2).mean(axis=1)
    loud = np.flatnonzero(power > np.percentile(power, 95) / 1000)
    return samples[loud[0] * 320 : (loud[-1] + 1) * 320]


def called(path: Path, seconds: float) -> Path:
    samples, rate = soundfile.read(CALL, dtype="float32")
    return repeated(path, samples, rate, seconds)


def repeated(path: Path, samples: np.ndarray, rate: int, seconds: float) -> Path:
    """Write samples again and again until the file is as long as asked."""
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    with soundfile.SoundFile(path, "w", rate, channels, "PCM_16") as file:
        while (left := round(seconds * rate) - file.tell()) > 0:
            file.write(samples[:left])
    return path


def clips() -> Iterator[Signal]:
    """Clips of all corpora in turn, always the same ones."""
    drawn = []
    for name in corpora.NAMES:
        manifest = corpora.manifest(name)
        rows = np.random.default_rng(0).permutation(len(manifest))
        drawn.append([manifest.file(manifest.utterances[row]) for row in rows[:100]])
    for paths in zip(*drawn, strict=True):
        yield from map(audio.read, paths)


def speech_windows(count: int) -> list[Signal]:
    size = round(WINDOW * audio.RATE)
    if not corpora.CORPORA.is_dir():
        call = audio.read(CALL)
        return [Signal(call.samples[i * size : (i + 1) * size], call.rate) for i in range(count)]
    long_enough = (signal for signal in clips() if len(signal.samples) >= size)
    return [Signal(signal.samples[:size], signal.rate) for signal, _ in zip(long_enough, range(count), strict=False)]


# Starting ---------------------------------------------------------------------------------------------------------


def starts(folder: Path) -> Iterator[Row]:
    """From the start of a process to its end."""
    short = folder / "short.wav"
    soundfile.write(short, speech_windows(1)[0].samples, audio.RATE)
    python, affekt = [sys.executable, "-c"], [sys.executable, "-m", "affekt"]
    took = processes(
        {
            "short": [*affekt, "predict", str(short)],
            "call": [*affekt, "predict", str(CALL)],
            "help": [*affekt, "--help"],
            "import": [*python, "import affekt"],
            "bare": [*python, "pass"],
        }
    )
    seconds = {name: statistics.median(times) for name, times in took.items()}
    for name, what in (("short", "a file of 3 s"), ("call", "the sample call, 42 s, two channels")):
        yield Row(f"`affekt predict`, {what}", f"{seconds[name]:.2f} s", "<= 1.5 s", seconds[name] <= 1.5)
    yield Row("`affekt --help`", f"{seconds['help']:.2f} s")
    added = seconds["import"] - seconds["bare"]
    here = f"{added:.3f} s more than bare Python ({seconds['bare']:.3f} s); {import_time():.3f} s by -X importtime"
    yield Row("`import affekt`", here, "<= 0.15 s", added <= 0.15)


def processes(commands: Mapping[str, list[str]], *, rounds: int = 9) -> dict[str, list[float]]:
    """Run each command once per round, after one round that warms the disk cache."""
    took: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            begin = time.perf_counter()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
            if number:
                took[name].append(time.perf_counter() - begin)
    return took


def import_time() -> float:
    """What Python itself says of the import, in seconds."""
    command = [sys.executable, "-X", "importtime", "-c", "import affekt"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    (micro,) = re.findall(r"\|\s+(\d+) \| affekt$", told, re.MULTILINE)
    return int(micro) / 1e6


NOTES = """
- Window: eight stretches of 3 s of acted speech, 120 rounds in which every row takes its turn; in parentheses the
  middle nine tenths. Samples are levelled, transformed, encoded (INT8), pooled and judged; nothing is cached.
- Peer: transformers' WhisperFeatureExtractor and the same three layers in torch (32-bit floats, one thread, its
  default attention), mean and standard deviation, without a head. As its documentation has it, it pads to 30 s; its
  second row does not, which takes code of one's own.
- Files: `affekt.load().predict_file(path)` in a fresh process, import and loading of the model included: decoding, VAD,
  level, windows of 3 s every second, summary. Median of five. Memory is the process's peak.
- Starts: wall time of the whole process, median of nine.
"""

if __name__ == "__main__":
    if not ONE_THREAD.items() <= os.environ.items():
        # Libraries read these when they are loaded, which has happened by now.
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks.latency", *sys.argv[1:]], os.environ | ONE_THREAD)
    main()

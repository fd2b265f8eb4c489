"""What the lesson is, and the functions that all steps use."""

from scripts.pages.lesson.cells import Code, Text

CELLS = (
    Text(
        ko="""
# 기울기 소실: 예측하고, 실행하고, 확인합니다

[노트북](vanishing_gradient.ko.ipynb) | [실행하지 않고 읽기](vanishing_gradient.ko.md) |
[English](vanishing_gradient.en.md)

김성훈(Sung Kim) 교수의 「[모두를 위한 머신러닝/딥러닝](https://hunkim.github.io/ml/)」
10-1강 "ReLU: Better non-linearity"에서는 은닉층이 많은 신경망이 시그모이드(sigmoid)로는
XOR을 배우지 못하고, ReLU로는 배웁니다. 이 노트북은 같은 신경망에서 출발합니다. 다만
신경망 하나가 아니라 초기 가중치만 서로 다른 신경망 100개를 나란히 학습시킵니다. 시드가
바뀌면 결과도 바뀔 수 있기 때문입니다.

여섯 단계가 모두 같은 순서로 진행됩니다.

1. 먼저 **예측**을 `my_...` 변수에 적습니다.
2. 셀을 **실행**합니다.
3. 코드가 예측을 **확인**합니다. 예측이 틀렸다면 그 이유를 생각해 봅니다.

처음부터 적혀 있는 예측은 예시이며, 그중에는 틀린 것도 있습니다. 실행하기 전에 여러분의
예측으로 바꾸십시오.

준비는 deepxor의 폴더에서 `pip install . notebook`이면 됩니다. 글에 나오는 숫자는 이 파일을 만들 때
실행한 결과를 프로그램이 그대로 옮긴 것입니다. 다른 컴퓨터에서는 반올림이 조금씩 달라서
100개 가운데 몇 개의 결과가 달라질 수 있습니다.

| 용어 | 영어 | 뜻 |
|---|---|---|
| 기울기 소실 | vanishing gradient | 역전파에서 입력 쪽 층에 도착하는 기울기가 거의 0이 되는 현상 |
| 기울기의 크기 | gradient norm | 한 층의 기울기를 벡터로 보았을 때의 길이(L2) |
| 미분값 | slope | 활성화 함수를 미분한 값 |
| 자릿수 | decade | 10배. 기울기가 1,000분의 1이 되면 세 자릿수를 잃습니다 |
""",
        en="""
# The vanishing gradient: predict, run, check

[Notebook](vanishing_gradient.en.ipynb) | [to read without running](vanishing_gradient.en.md) |
[한국어](vanishing_gradient.ko.md)

In lecture 10-1, "ReLU: Better non-linearity", of Sung Kim's course
[Machine Learning / Deep Learning for Everyone](https://hunkim.github.io/ml/), a network
of many hidden layers does not learn XOR with sigmoid, and learns it with ReLU. This
notebook starts from the same network. It trains not one network but 100 side by side,
which differ in their initial weights only, because another seed may end otherwise.

All six steps have the same order.

1. First you write a **prediction** into a variable `my_...`.
2. You **run** the cell.
3. The code **checks** the prediction. If it was wrong, think about why.

The predictions that stand there are examples, and some of them are wrong. Replace them by
your own before you run a cell.

All that is needed is `pip install . notebook` in deepxor's folder. The numbers in the text were copied by
a program from the run that made this file. Another computer rounds a little differently, so
that a few of the 100 networks may end otherwise there.

| term | Korean | meaning |
|---|---|---|
| vanishing gradient | 기울기 소실 | backpropagation brings next to nothing to the layers at the input |
| gradient norm | 기울기의 크기 | the length (L2) of a layer's gradient, taken as a vector |
| slope | 미분값 | the derivative of the activation function |
| decade | 자릿수 | a factor of ten; a gradient that shrinks to a thousandth has lost three |
""",
    ),
    Code("""
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # ⟦TensorFlow의 안내문을 줄입니다|fewer messages of TensorFlow⟧
"""),
    Code("""
%matplotlib inline

import tempfile
import time

import keras
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown, display

import deepxor
from deepxor.console.explain import explain_experiment
from deepxor.statistics import wilson_interval

STEPS, REPLICAS = 5001, 100
LOGDIR = tempfile.mkdtemp(prefix="deepxor-")  # ⟦학습 기록을 두는 폴더|where runs are written⟧
START = time.perf_counter()
plt.rcParams["figure.dpi"] = 80


def train(**settings):
    \"\"\"⟦신경망 100개를 학습시키고 결과를 돌려줍니다|Trains 100 networks and returns the results⟧.\"\"\"
    experiment = deepxor.Experiment(num_steps=STEPS, replicas=REPLICAS, **settings)
    return deepxor.train_experiment(experiment, LOGDIR).results


def show(results):
    \"\"\"⟦결과를 한 줄로 보여 줍니다|Prints the results in a line⟧.\"\"\"
    low, high = wilson_interval(results["solved"], REPLICAS)
    print(
        f"⟦푼 신경망|solved⟧ {results['solved']} / {REPLICAS}",
        f"(⟦95 % 윌슨 구간|95 % Wilson interval⟧ {low:.3f}-{high:.3f}),",
        f"⟦비용|cost⟧ {results['cost']:.4f}, ⟦정확도|accuracy⟧ {results['accuracy']:.2f}",
    )


def answer(is_right, found):
    \"\"\"⟦예측이 맞았는지 알려 줍니다|Says whether a prediction was right⟧.\"\"\"
    verdict = "⟦맞았습니다|Right⟧" if is_right else "⟦틀렸습니다|Not right⟧"
    print(f"{verdict}: {found}")


def check_count(mine, found):
    \"\"\"⟦100개 중 몇 개라는 예측을 확인합니다|Checks a prediction of a count of 100⟧.\"\"\"
    low, high = wilson_interval(found, REPLICAS)
    is_right = low <= mine / REPLICAS <= high
    answer(is_right, f"⟦예측|predicted⟧ {mine}, ⟦측정|measured⟧ {found}")
"""),
)

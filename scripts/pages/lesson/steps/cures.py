"""Step 6: four cures, compared."""

from scripts.pages.lesson.cells import Code, Text

CELLS = (
    Text(
        ko="""
## 6단계: 다시 고칩니다

네 가지 처방을 비교합니다.

- **leaky ReLU** (`leaky`): 꺼진 유닛도 미분값이 0이 아니라 0.1입니다.
- **너비** (`width10`, `width16`): 한 층의 유닛이 n개이면 모두 꺼질 확률은 1/2의 n제곱입니다.
  가중치가 많아지므로 He 초기화를 함께 씁니다.
- **He 초기화** (`he`): 너비는 5 그대로 두고, 가중치의 분산을 ReLU에 맞게 2/입력 수로 합니다.
- **잔차 연결** (`residual`): 층의 입력을 출력에 더합니다(He 외, 2016). 시그모이드에
  (`residual`), ReLU에(`residual_relu`), 그리고 ReLU에 붙이고 학습률을 0.01로 낮추어
  (`residual_slow`) 봅니다.

**예측:** 어느 것이 가장 많이 풀겠습니까?
""",
        en="""
## Step 6: cure it again

These are four cures.

- **leaky ReLU** (`leaky`): where a unit is off, its slope is not 0 but 0.1.
- **Width** (`width10`, `width16`): all n units of a layer are off with a probability of 1/2 to
  the n. More weights want a start of another size, so these have He's initialization, too.
- **He's initialization** (`he`): the width stays 5, and the variance of the weights is that
  for ReLU, 2 / inputs.
- **Residual connections** (`residual`): a layer adds its input to its output (He et al.
  2016), with sigmoid (`residual`), with ReLU (`residual_relu`), and with ReLU and a learning
  rate of 0.01 (`residual_slow`).

**Prediction:** which of them solves XOR most often?
""",
    ),
    Code("""
my_best = "he"
"""),
    Code(r"""
cures = {
    "leaky": {"network": "lecture", "activation": "leaky_relu"},
    "width10": {"hidden_units": (10,) * 10, "activation": "relu"},
    "width16": {"hidden_units": (16,) * 10, "activation": "relu"},
    "he": {"network": "lecture", "activation": "relu", "initializer": "he"},
    "residual": {"network": "lecture", "residual": True},
    "residual_relu": {"network": "lecture", "activation": "relu", "residual": True},
}
cures["residual_slow"] = {**cures["residual_relu"], "learning_rate": 0.01}
results = {"sigmoid": sigmoid, "relu": relu}
for name, settings in cures.items():
    results[name] = train(**settings)

rates = {name: row["solved"] / REPLICAS for name, row in results.items()}
intervals = {
    name: wilson_interval(row["solved"], REPLICAS) for name, row in results.items()
}
table = ["| | ⟦푼 비율|solved⟧ | ⟦95 % 윌슨 구간|95 % Wilson interval⟧ | ⟦죽음|dead⟧ | ⟦layer1의 첫 기울기|first gradient at layer1⟧ |"]
table.append("|---|---|---|---|---|")
for name, row in results.items():
    low, high = intervals[name]
    cells = [f"{rates[name]:.2f}", f"{low:.2f}-{high:.2f}", row["dead"]]
    cells.append(f"{row['first_gradient']:.1e}")
    table.append(f"| {name} | {' | '.join(map(str, cells))} |")
display(Markdown("\n".join(table)))

# ⟦구간이 겹치면 어느 쪽이 나은지 이 표로는 말할 수 없습니다|Where two intervals overlap, the table does not say which is better⟧.
lowest = max(low for low, _ in intervals.values())
good = [name for name, (_, high) in intervals.items() if high >= lowest]
found = f"{my_best} {rates[my_best]:.2f}, ⟦가장 높은 비율|the highest rate⟧ {max(rates.values()):.2f}"
answer(my_best in good, found)
"""),
    Code(
        """
figure, panel = plt.subplots(figsize=(7, 3), layout="constrained")
names = list(results)[::-1]
low, high = np.array([intervals[name] for name in names]).T
middle = np.array([rates[name] for name in names])
panel.barh(names, middle, color="tab:blue")
ends = np.maximum([middle - low, high - middle], 0)
panel.errorbar(middle, names, xerr=ends, fmt="none", ecolor="black", capsize=3)
panel.set_xlim(0, 1)
panel.set_xlabel("fraction that solves XOR, 95 % Wilson interval")
display(figure)
plt.close(figure)
""",
        picture="cures",
    ),
    Text(
        ko="""
- **leaky ReLU**: {results["leaky"]["solved"]}개가 풀고, 죽은 것은
  {results["leaky"]["dead"]}개입니다. 미분값이 0이 되는 곳이 없기 때문입니다.
- **너비**: 유닛 10개이면 {results["width10"]["solved"]}개, 16개이면
  {results["width16"]["solved"]}개가 풉니다. 입력 하나에 대해 죽어 있을 확률은 너비 5에서
  {1 - (1 - 2**-5) ** 10:.3f}, 10에서 {1 - (1 - 2**-10) ** 10:.4f}, 16에서
  {1 - (1 - 2**-16) ** 10:.5f}입니다.
- **He 초기화**: 너비가 5이면 {results["he"]["solved"]}개만 풉니다. 가중치를 모두 같은 배율로
  키워도 부호는 바뀌지 않으므로 유닛이 꺼질 확률은 1/2 그대로입니다. 그래서 이것만으로는
  낫지 않습니다.
- **잔차 연결**: 시그모이드에 붙이면 `layer1`의 첫 기울기가 {sigmoid["first_gradient"]:.1e}에서
  {results["residual"]["first_gradient"]:.2f}까지 커지고 {results["residual"]["solved"]}개가
  풉니다. 기울기가 시그모이드를 거치지 않고 지나갈 길이 생기기 때문입니다. ReLU에 붙이면
  {results["residual_relu"]["solved"]}개만 풉니다. 층마다 입력이 더해져 기울기가
  {relu["first_gradient"]:.1e}에서 {results["residual_relu"]["first_gradient"]:.1f}까지 커지고,
  학습률 0.1에서는 {results["residual_relu"]["dead"]}개가 죽습니다. 학습률을 0.01로 낮추면
  {results["residual_slow"]["solved"]}개가 풀고, 죽은 것은
  {results["residual_slow"]["dead"]}개입니다.

그러므로 처방은 원인에 맞아야 합니다. 기울기가 사라지는 신경망에는 기울기가 지나갈 길을, 죽는
신경망에는 0이 아닌 미분값이나 더 많은 유닛을, 기울기가 너무 커진 신경망에는 더 작은 학습률을
줍니다.
""",
        en="""
- **leaky ReLU**: {results["leaky"]["solved"]} solve it, and {results["leaky"]["dead"]} are
  dead, as its slope is nowhere 0.
- **Width**: with 10 units {results["width10"]["solved"]} solve it, with 16
  {results["width16"]["solved"]}. The probability to be dead for one input is
  {1 - (1 - 2**-5) ** 10:.3f} at a width of 5, {1 - (1 - 2**-10) ** 10:.4f} at 10 and
  {1 - (1 - 2**-16) ** 10:.5f} at 16.
- **He's initialization**: at a width of 5 only {results["he"]["solved"]} solve it. Weights
  that are all larger by the same factor have the same signs, so that a unit is off with a
  probability of 1/2 as before. Alone it is no cure.
- **Residual connections**: with sigmoid the first gradient at `layer1` rises from
  {sigmoid["first_gradient"]:.1e} to {results["residual"]["first_gradient"]:.2f}, and
  {results["residual"]["solved"]} solve it, because the gradient has a way that passes no
  sigmoid. With ReLU only {results["residual_relu"]["solved"]} do: as every layer adds its
  input, the gradient rises from {relu["first_gradient"]:.1e} to
  {results["residual_relu"]["first_gradient"]:.1f}, and at a learning rate of 0.1
  {results["residual_relu"]["dead"]} are dead. At 0.01 {results["residual_slow"]["solved"]}
  solve it, and {results["residual_slow"]["dead"]} are dead.

So a cure has to fit the cause: a way for the gradient where it vanishes, a slope that is not 0
or more units where networks die, and a smaller learning rate where the gradient has become too
large.
""",
        holds=(
            'results["leaky"]["dead"] == 0 and results["leaky"]["solved"] > 90',
            'results["width10"]["solved"] > 90 and results["width16"]["solved"] > 95',
            # No better than ReLU alone, as far as 100 networks show.
            'intervals["he"][0] < rates["relu"]',
            'results["residual"]["solved"] > 90',
            'intervals["residual_relu"][1] < 0.5',
            'results["residual_relu"]["first_gradient"] > 100 * relu["first_gradient"]',
            'results["residual_slow"]["solved"] > 80',
            'results["residual_slow"]["dead"] < results["residual_relu"]["dead"] / 2',
        ),
    ),
)

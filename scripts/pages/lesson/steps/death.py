"""Step 5: why so many networks with ReLU fail."""

from scripts.pages.lesson.cells import Code, Text

CELLS = (
    Text(
        ko="""
## 5단계: 왜 절반이 넘게 실패합니까?

어떤 층의 ReLU 유닛 5개가 모든 입력에 대해 꺼지면 그 층의 출력은 0이고, 미분값도 모두
0입니다. 그러면 그 층을 지나는 기울기는 **정확히 0**이 되고, 그 앞의 층들은 더는 움직이지
못합니다. 이런 신경망을 "죽었다"고 합니다.

입력 하나만 놓고 계산해 봅니다. 편향(bias)은 0에서 시작하고 가중치의 분포는 0을 중심으로
대칭이므로, 유닛 하나가 꺼질 확률은 1/2, 한 층의 유닛 5개가 모두 꺼질 확률은 1/2의
5제곱입니다. 은닉층은 10개입니다.

**예측:** 입력 하나에 대해 처음부터 죽어 있을 확률은 얼마이겠습니까?
""",
        en="""
## Step 5: why do more than half fail?

If all 5 ReLU units of a layer are off for every input, the layer's output is 0, and so are all
slopes. The gradient that passes the layer is then **exactly 0**, and the layers before it
never move again. Such a network is called dead.

Take one input first. Biases start at 0 and the distribution of the weights is symmetric
around 0, so that a unit is off with a probability of 1/2, and all 5 of a layer with 1/2 to the
fifth. There are 10 hidden layers.

**Prediction:** with what probability is a network dead from the start, for one input?
""",
    ),
    Code("""
my_share = 1 - (1 - 2**-5) ** 10
print(f"⟦예측|predicted⟧: {my_share:.3f}")
"""),
    Code("""
def dead_share(inputs, units=5, networks=20_000):
    \"\"\"⟦NumPy로 세는 죽은 신경망의 비율 (He 초기화)|Counts dead networks in NumPy (He)⟧.\"\"\"
    rng = np.random.default_rng(0)
    h = np.broadcast_to(np.array(inputs, float), (networks, len(inputs), 2))
    for _ in range(10):
        scale = np.sqrt(2 / h.shape[2])
        kernel = scale * rng.standard_normal((networks, h.shape[2], units))
        h = np.maximum(h @ kernel, 0)
    return (h == 0).all(axis=(1, 2)).mean()


one_input = dead_share([[1, 1]])
found = f"⟦신경망 20,000개를 세면|counted over 20,000 networks⟧ {one_input:.3f}"
answer(abs(my_share - one_input) < 0.01, found)
"""),
    Text(
        ko="""
계산은 1 - (1 - 1/2⁵)¹⁰ = {1 - (1 - 2**-5) ** 10:.3f}이고, 센 값은 {one_input:.3f}입니다.

XOR에는 입력이 네 가지입니다. 그중 하나라도 끝까지 통과하면 기울기가 흐르므로, 처음부터 죽어
있는 신경망은 이보다 적습니다. 네 입력에 대해 세어 보고, 4단계의 신경망 100개와 비교합니다.
그리고 학습이 끝났을 때 죽어 있는 신경망도 셉니다.

**예측:** 학습이 끝났을 때는 100개 가운데 몇 개가 죽어 있겠습니까? 처음과 같겠습니까?
""",
        en="""
The calculation gives 1 - (1 - 1/2⁵)¹⁰ = {1 - (1 - 2**-5) ** 10:.3f}, the count
{one_input:.3f}.

XOR has four inputs. If only one of them gets through to the end, there is a gradient, so that
fewer networks are dead from the start. Count them over the four inputs, and compare with the
100 networks of step 4. Then count those that are dead when training ends.

**Prediction:** how many of the 100 are dead at the end of training? As many as at the start?
""",
        holds=("abs(one_input - (1 - (1 - 2**-5) ** 10)) < 0.01",),
    ),
    Code("""
my_dead = 15
"""),
    Code("""
xor_inputs = [[0, 0], [0, 1], [1, 0], [1, 1]]
four_inputs = dead_share(xor_inputs)
at_start = explain_experiment(
    deepxor.Experiment(network="lecture", activation="relu", replicas=REPLICAS)
)
born_dead = int((at_start.gradient_norm[0] == 0).sum())
print(f"⟦네 입력, 센 비율|four inputs, counted⟧: {four_inputs:.3f}")
print(f"⟦4단계의 신경망, 시작할 때|the networks of step 4, at the start⟧: {born_dead}")
check_count(my_dead, relu["dead"])
"""),
    Text(
        ko="""
네 입력으로 세면 {four_inputs:.3f}이고, 4단계의 100개 가운데 {born_dead}개가 처음부터 죽어
있었습니다. 학습이 끝났을 때는 {relu["dead"]}개가 죽어 있습니다. 나머지
{relu["dead"] - born_dead}개는 **학습하는 동안** 죽었습니다. 한 스텝이 어떤 층의 유닛을 모든
입력에 대해 꺼 버리면, 그 뒤로는 기울기가 0이므로 그 앞의 층들은 그대로 멈춥니다.

풀지 못한 {REPLICAS - relu["solved"]}개 가운데 {relu["dead"]}개가 죽은 신경망입니다. 실패의
대부분은 기울기 소실이 아니라 죽음입니다.
""",
        en="""
Counted over the four inputs the share is {four_inputs:.3f}, and of the 100 of step 4
{born_dead} were dead from the start. When training ends, {relu["dead"]} are dead. The other
{relu["dead"] - born_dead} died **while they were trained**: if a step turns all units of a
layer off for every input, the gradient is 0 from then on, and the layers before it stop.

Of the {REPLICAS - relu["solved"]} that do not solve it, {relu["dead"]} are dead. Most of the
failures are no vanishing gradient; they are dead networks.
""",
        holds=(
            'relu["dead"] > 1.5 * born_dead',
            'relu["dead"] > (REPLICAS - relu["solved"]) / 2',
            "wilson_interval(born_dead, REPLICAS)[0] < four_inputs",
            "four_inputs < wilson_interval(born_dead, REPLICAS)[1]",
            "four_inputs < one_input",
        ),
    ),
)

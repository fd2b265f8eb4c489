"""Step 1: the lecture's network does not learn."""

from scripts.pages.lesson.cells import Code, Text

CELLS = (
    Text(
        ko="""
## 1단계: 강의의 신경망은 배우지 못합니다

강의의 신경망에는 유닛이 5개인 은닉층이 10개 있고, 활성화 함수는 시그모이드입니다. 가중치는
-1과 1 사이의 균등 분포로 초기화하고, 학습률은 0.1이며, {STEPS:,} 스텝을 학습합니다. XOR의 입력 네 가지를 모두 맞히면
그 신경망이 XOR을 "풀었다"고 합니다.

**예측:** 100개 가운데 몇 개가 XOR을 풀겠습니까?
""",
        en="""
## Step 1: the lecture's network does not learn

The lecture's network has 10 hidden layers of 5 units, and its activation function is
sigmoid. The weights start uniform between -1 and 1, the learning rate is 0.1, and training
takes {STEPS:,} steps. A network has "solved" XOR if its answer to each of the four inputs is
right.

**Prediction:** how many of the 100 solve XOR?
""",
    ),
    Code("""
my_solved = 50  # ⟦여러분의 예측으로 바꾸십시오|replace it by your own⟧
"""),
    Code("""
sigmoid = train(network="lecture", activation="sigmoid")
show(sigmoid)
check_count(my_solved, sigmoid["solved"])
"""),
    Text(
        ko="""
100개 가운데 {sigmoid["solved"]}개가 풀었습니다. 윌슨 구간의 위쪽 끝이
{wilson_interval(sigmoid["solved"], REPLICAS)[1]:.3f}이므로, 신경망을 더 많이 학습시켜도
푸는 비율이 이보다 높지는 않을 것입니다.

비용의 중앙값 {sigmoid["cost"]:.4f}은 ln 2 = {np.log(2):.4f}과 같습니다. 모든 입력에 0.5라고
답하는 신경망의 비용이 바로 ln 2입니다. 정확도의 평균은 {sigmoid["accuracy"]:.2f}이므로, 이
신경망들은 입력을 보지 않고 답하는 것과 거의 다르지 않습니다.
""",
        en="""
{sigmoid["solved"]} of the 100 have solved it. The Wilson interval ends at
{wilson_interval(sigmoid["solved"], REPLICAS)[1]:.3f}, so that more networks would hardly
show a higher rate than that.

The median cost, {sigmoid["cost"]:.4f}, is ln 2 = {np.log(2):.4f}. That is the cost of a
network that answers 0.5 to every input. The mean accuracy is {sigmoid["accuracy"]:.2f}:
these networks do hardly better than guessing without a look at the input.
""",
        holds=(
            'sigmoid["solved"] == 0',
            'abs(sigmoid["cost"] - np.log(2)) < 5e-5',
            'abs(sigmoid["accuracy"] - 0.5) < 0.05',
        ),
    ),
)

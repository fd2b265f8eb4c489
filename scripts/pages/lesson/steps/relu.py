"""Step 4: ReLU instead of sigmoid."""

from scripts.pages.lesson.cells import Code, Text

CELLS = (
    Text(
        ko="""
## 4단계: ReLU로 바꿉니다

ReLU의 미분값은 0 아니면 1입니다. 유닛이 켜져 있으면 기울기가 줄지 않고 지나갑니다. 활성화
함수만 바꾸고 나머지는 그대로 둡니다.

**예측:** 이제 100개 가운데 몇 개가 XOR을 풀겠습니까?
""",
        en="""
## Step 4: use ReLU

The slope of ReLU is either 0 or 1. Where a unit is on, the gradient passes undiminished. Only
the activation function changes; all the rest stays as it was.

**Prediction:** how many of the 100 solve XOR now?
""",
    ),
    Code("""
my_solved = 90
"""),
    Code("""
relu = train(network="lecture", activation="relu")
show(relu)
check_count(my_solved, relu["solved"])
change = f"{sigmoid['first_gradient']:.1e} → {relu['first_gradient']:.1e}"
print("⟦layer1의 기울기|gradient at layer1⟧:", change)
"""),
    Text(
        ko="""
시그모이드는 {sigmoid["solved"]}개, ReLU는 {relu["solved"]}개가 풀었습니다. `layer1`의 기울기는
{np.log10(relu["first_gradient"] / sigmoid["first_gradient"]):.1f} 자릿수 커졌습니다. 강의의
말대로 ReLU는 기울기 소실을 없앱니다.

그러나 이 너비(유닛 5개)에서는 절반이 넘는 {REPLICAS - relu["solved"]}개가 여전히 풀지
못합니다. 신경망 하나만 학습시켰다면 운에 따라 "된다" 또는 "안 된다"라고만 말했을 것입니다.
""",
        en="""
With sigmoid {sigmoid["solved"]} have solved it, with ReLU {relu["solved"]}. The gradient at
`layer1` is larger by
{np.log10(relu["first_gradient"] / sigmoid["first_gradient"]):.1f} decades. As the lecture
says, ReLU makes the vanishing gradient go away.

At this width, 5 units, still more than half of the networks, {REPLICAS - relu["solved"]}, do
not solve it. Who trains only one network sees either "it works" or "it does not", by luck.
""",
        holds=(
            'relu["solved"] < REPLICAS / 2',
            'wilson_interval(relu["solved"], REPLICAS)[0] > 0.3',
            'relu["first_gradient"] > 1e3 * sigmoid["first_gradient"]',
        ),
    ),
)

"""Step 3: the same run in TensorBoard."""

from scripts.pages.lesson.cells import SKIPPED, Code, Text

CELLS = (
    Text(
        ko="""
## 3단계: TensorBoard에서 봅니다

deepxor는 모든 층의 기울기를 기록하고, TensorBoard에 **Gradient flow** 탭을 추가합니다. 다음
셀을 실행하면 노트북 안에 TensorBoard가 열립니다. 탭 목록에서 *Gradient flow*를 고르거나,
브라우저에서 `http://localhost:6006/#gradient_flow`를 여십시오. 층을 클릭하면 기울기가 왜 그렇게
적게 도착하는지 보여 주고, *Stage* 단추를 누르면 스텝이 차례로 재생됩니다.

시작할 때 출력층 `hypothesis`의 기울기의 중앙값: {sigmoid["last_gradient"]:.2f}

**예측:** 학습이 끝났을 때 출력층의 기울기는 얼마이겠습니까? 한 자릿수 안에서 맞으면 맞은
것으로 합니다.
""",
        en="""
## Step 3: see it in TensorBoard

deepxor records the gradient of every layer, and adds the tab **Gradient flow** to
TensorBoard. The next cell opens TensorBoard inside of the notebook. Choose *Gradient flow*
among the tabs, or open `http://localhost:6006/#gradient_flow` in a browser. Click a layer to
see why it gets so little; the button *Stage* plays the steps one after the other.

When training began, the gradient at the output layer `hypothesis` was
{sigmoid["last_gradient"]:.2f}.

**Prediction:** what is the gradient norm at the output layer when training ends? It counts as
right within one decade.
""",
    ),
    Code(
        """
%load_ext tensorboard
%tensorboard --logdir {LOGDIR} --port 6006
""",
        tags=(SKIPPED,),
    ),
    Code("""
my_last_gradient = 0.1
"""),
    Text(
        ko="""
TensorBoard를 열 수 없는 곳에서도 볼 수 있도록, 같은 기록을 그림으로 그립니다. 가로는 스텝,
세로는 층이며, 밝을수록 기울기가 큽니다. 가로축은 처음 몇 스텝이 보이도록 로그 눈금에 가깝게
그렸습니다. (그림 속의 글은 한글 글꼴이 없어도 보이도록 영어로
적었습니다.)
""",
        en="""
For places where TensorBoard cannot be opened, here is a picture of the same records, layer by
step. The brighter a cell, the larger the gradient. The axis of the steps is close to
logarithmic, so that the first steps can be seen.
""",
    ),
    Code(
        """
from deepxor.report.heat_map import Cells, draw_heat_map, norm_range, record_edges
from deepxor.report.logdir import read_logdir
from deepxor.report.step_axis import StepAxis


def heat_map(name):
    \"\"\"⟦학습 하나의 기울기를 그립니다|Draws the gradients of a run⟧.\"\"\"
    (run,), _ = read_logdir(LOGDIR, f"^{name}$")
    flow = run.events.flow
    figure, panel = plt.subplots(figsize=(8, 3), layout="constrained")
    edges = record_edges(flow.steps)
    axis = StepAxis(int(edges[0]), int(edges[-1]))
    places = axis.positions(edges)
    mesh = draw_heat_map(panel, places, Cells.of(flow), norm_range([run]))
    axis.draw(panel, 6)
    panel.set_yticks(range(len(flow.layers)), flow.layers)
    figure.colorbar(mesh, label="log10 of the gradient norm")
    panel.set_title(f"{name}: {run.row['verdict']}", loc="left")
    display(figure)
    plt.close(figure)
    return flow


flow = heat_map("lecture-sigmoid")
norms = 10 ** flow.quantities["norm_log10"]  # ⟦기록 x 층|records x layers⟧
off = np.log10(my_last_gradient / norms[-1, -1])
found = f"⟦측정|measured⟧ {norms[-1, -1]:.1e}, ⟦차이|off by⟧ {off:+.1f} ⟦자릿수|decades⟧"
answer(abs(off) < 1, found)
""",
        picture="gradients of sigmoid",
    ),
    Text(
        ko="""
왼쪽 끝의 첫 스텝에서는 출력층에서 입력 쪽으로 내려갈수록 색이 고르게 어두워집니다. 2단계에서
본 기울기 소실입니다.

출력층의 기울기도 {norms[0, -1]:.2f}에서 {norms[-1, -1]:.1e}까지 줄어듭니다. 기울기가 제대로 도착하는
층은 출력층과 그 근처뿐입니다. 이 층들은 모든 입력에 0.5라고 답하는 법을 곧 배우고, 그러고
나면 더 줄일 비용이 없습니다. 입력을 구별하는 일은 앞쪽 층들이 맡아야 하는데, 거기에는 기울기가
도착하지 않습니다. `layer1`의 기울기의 중앙값은 처음부터 끝까지 {norms[:, 0].max():.1e} 이하입니다.

deepxor의 판정은 `{sigmoid["verdict"]}`(기울기 소실)이며, 근거는 다음과 같습니다(영어로 나옵니다).

> {sigmoid["evidence"]}
""",
        en="""
At the first step, at the left, the colour darkens evenly from the output layer to the input:
the vanishing gradient of step 2.

The gradient at the output layer falls, too, from {norms[0, -1]:.2f} to {norms[-1, -1]:.1e}.
Only the output layer and those near it get a gradient. They soon learn to answer 0.5 to every
input, and then there is no more cost that they could lower. To tell the inputs apart is the
work of the layers at the front, where no gradient arrives: the median at `layer1` is never above
{norms[:, 0].max():.1e}.

deepxor's verdict is `{sigmoid["verdict"]}`, with this evidence:

> {sigmoid["evidence"]}
""",
        holds=(
            "abs(off) > 1",
            "norms[-1, -1] < 1e-6",
            "norms[:, 0].max() < 1e-6",
            'sigmoid["verdict"] == "vanishing"',
            "(np.diff(norms[0]) > 0).all()",
        ),
    ),
)

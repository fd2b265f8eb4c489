"""Step 2: the first layer's gradient, predicted and measured."""

from scripts.pages.lesson.cells import Code, Text

CELLS = (
    Text(
        ko="""
## 2단계: 첫 번째 층의 기울기를 예측합니다

역전파는 곱셈의 연속입니다. 기울기가 한 층을 거슬러 올라갈 때마다 그 크기에 두 가지가
곱해집니다.

- **미분값**: 시그모이드의 미분값은 아무리 커도 0.25입니다. 시그모이드에 들어가는 값이 0에
  가까우면 0.24쯤 됩니다.
- **가중치**: 가중치가 작으면 기울기를 줄이고, 크면 키웁니다.

은닉층이 10개이므로 미분값만 생각하면 0.24를 열 번 곱한 {0.24**10:.1e}만 남습니다. 학습을
시작할 때 마지막 층 `hypothesis`의 기울기의 크기는 {sigmoid["last_gradient"]:.2f}입니다.

**예측:** 첫 번째 은닉층 `layer1`의 기울기의 크기는 얼마이겠습니까? 미분값과 가중치의 배율을
정해서 계산해 봅니다. 열 배(한 자릿수) 안에서 맞으면 맞은 것으로 합니다.
""",
        en="""
## Step 2: predict the first layer's gradient

Backpropagation is a chain of multiplications. On its way back through a layer the norm of
the gradient is multiplied by two factors.

- The **slope**: the derivative of sigmoid is at most 0.25. Where what goes into the
  sigmoid is near 0, it is about 0.24.
- The **weights**: small ones shrink the gradient, large ones let it grow.

There are 10 hidden layers, so that of the slopes alone 0.24 to the tenth, {0.24**10:.1e}, is
left. When training begins, the gradient norm of the last layer, `hypothesis`, is
{sigmoid["last_gradient"]:.2f}.

**Prediction:** what is the gradient norm of the first hidden layer, `layer1`? Choose factors
for the slope and for the weights, and multiply. It counts as right within a factor of ten,
which is one decade.
""",
    ),
    Code("""
my_slope = 0.24
my_weight_factor = 1.0
my_gradient = sigmoid["last_gradient"] * (my_slope * my_weight_factor) ** 10
print(f"⟦예측|predicted⟧: {my_gradient:.1e}")
"""),
    Code("""
measured = sigmoid["first_gradient"]  # ⟦신경망 100개의 중앙값|the median of 100 networks⟧
off = np.log10(my_gradient / measured)
found = f"⟦측정|measured⟧ {measured:.1e}, ⟦차이|off by⟧ {off:+.1f} ⟦자릿수|decades⟧"
answer(abs(off) < 1, found)
"""),
    Text(
        ko="""
측정한 중앙값은 {measured:.1e}이고, 예시로 적은 예측은 {off:+.1f} 자릿수만큼 다릅니다. 마지막
층의 {sigmoid["last_gradient"]:.2f}에서 첫 번째 층까지 오는 동안
{np.log10(sigmoid["last_gradient"] / measured):.1f} 자릿수를 잃었습니다. 학습률 0.1을 곱하면
가중치는 한 스텝에 1억분의 몇밖에 움직이지 못합니다.

`deepxor.explain`은 두 배율을 층마다 따로 측정합니다. 아래 그림에서 주황색은 미분값이,
파란색은 가중치가 한 일입니다. 왼쪽의 출력층에서 오른쪽의 입력으로 읽습니다.
""",
        en="""
The measured median is {measured:.1e}, and the prediction that stands as an example is off by
{off:+.1f} decades. On the way from the last layer's {sigmoid["last_gradient"]:.2f} to the
first layer {np.log10(sigmoid["last_gradient"] / measured):.1f} decades are lost. Times the
learning rate, 0.1, a step moves the weights by a few parts in a hundred million.

`deepxor.explain` measures both factors of every layer. In the picture below, orange is what
the slopes do and blue what the weights do. It is read from the output layer at the left to
the input at the right.
""",
        holds=("abs(off) < 1", "1e-8 < 0.1 * measured < 1e-7"),
    ),
    Code(
        """
lecture = deepxor.Experiment(network="lecture", replicas=REPLICAS)
explanation = explain_experiment(lecture)
slopes = np.median(explanation.slope_factor, axis=1)[:-1]
weights = np.median(explanation.weight_factor, axis=1)[1:]
at_outputs = np.median(explanation.gradient_norm, axis=1)
path_decades = np.log10(at_outputs[-1] / at_outputs[0])
print("⟦미분값|slopes⟧ ", slopes.round(3))
print("⟦가중치|weights⟧", weights.round(2))
display(explanation.figure())
""",
        picture="factors",
    ),
    Text(
        ko="""
층마다 미분값은 {slopes.min():.3f}에서 {slopes.max():.3f}, 가중치는 {weights.min():.2f}에서
{weights.max():.2f}입니다(신경망 100개의 중앙값). 미분값 10개를 곱하면 {slopes.prod():.1e},
가중치 10개를 곱하면 {weights.prod():.1f}입니다. 가중치가 조금 되돌려 주지만, 미분값이
{-np.log10(slopes.prod()):.1f} 자릿수를 가져가는 데 비하면
{np.log10(weights.prod()):.1f} 자릿수밖에 되지 않습니다.

그림의 제목에 있는 {path_decades:.1f} 자릿수는 `layer1`의 출력까지 잃은 것입니다. `layer1`의
가중치에 도착하려면 `layer1`의 시그모이드를 한 번 더 지나야 합니다.
""",
        en="""
Layer by layer the slope factor is {slopes.min():.3f} to {slopes.max():.3f} and the weight
factor {weights.min():.2f} to {weights.max():.2f} (medians of 100 networks). The product of
the ten slope factors is {slopes.prod():.1e}, that of the ten weight factors
{weights.prod():.1f}. The weights give a part back, but only
{np.log10(weights.prod()):.1f} decades, while the slopes take
{-np.log10(slopes.prod()):.1f}.

The {path_decades:.1f} decades in the picture's title are those lost on the way to the output
of `layer1`. To arrive at its weights, the gradient has to pass the sigmoid of `layer1`, too.
""",
        holds=("slopes.max() < 0.25", "1 < weights.prod() < 100"),
    ),
)

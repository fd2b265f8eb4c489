"""The last part: a Keras model of one's own under `GradientMonitor`."""

from scripts.pages.lesson.cells import Code, Text

CELLS = (
    Text(
        ko="""
## 여러분의 Keras 모델에서

지금까지의 지식은 평범한 Keras 모델에도 그대로 쓸 수 있습니다. `deepxor.GradientMonitor`를
`fit`의 `callbacks`에 넣으면 학습하면서 기울기를 보고 진단합니다.

데이터는 만들어 씁니다. 평면 위의 점 1,000개이며, 두 좌표의 부호가 같으면 1, 다르면
0입니다. 연속적인 XOR인 셈입니다. 모델은 은닉층이 8개인 시그모이드 신경망입니다.

**예측:** 판정은 무엇이겠습니까? (`healthy`, `vanishing`, `exploding`, `dead`, `saturated`,
`not_learning`)
""",
        en="""
## In your own Keras model

All of this holds for an ordinary Keras model, too. `deepxor.GradientMonitor` among the
`callbacks` of `fit` watches the gradients while the model trains, and makes a diagnosis.

The data are made up: 1,000 points of the plane, 1 where both coordinates have the same sign
and 0 where not, which is XOR of real numbers. The model has 8 hidden layers with sigmoid.

**Prediction:** what is the verdict? (`healthy`, `vanishing`, `exploding`, `dead`, `saturated`,
`not_learning`)
""",
    ),
    Code("""
my_verdict = "vanishing"
"""),
    Code("""
x = np.random.default_rng(0).uniform(-1, 1, (1000, 2)).astype("float32")
y = (x[:, :1] * x[:, 1:] > 0).astype("float32")


def fit(activation, initializer):
    \"\"\"⟦모델을 학습시키고 진단과 정확도를 돌려줍니다|Returns a diagnosis and the accuracy⟧.\"\"\"
    keras.utils.set_random_seed(0)
    hidden = [
        keras.layers.Dense(
            16, activation, kernel_initializer=initializer, name=f"hidden{i}"
        )
        for i in range(1, 9)
    ]
    output = keras.layers.Dense(1, name="output")
    model = keras.Sequential([keras.Input((2,)), *hidden, output])
    model.compile(
        keras.optimizers.SGD(0.1),
        keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryAccuracy(threshold=0.0)],
    )
    monitor = deepxor.GradientMonitor()
    history = model.fit(x, y, epochs=20, verbose=0, callbacks=[monitor]).history
    return monitor.diagnosis, history["binary_accuracy"][-1]


diagnosis, accuracy = fit("sigmoid", "glorot_uniform")
print(diagnosis)
answer(my_verdict == diagnosis.verdict, f"{diagnosis.verdict}, {accuracy:.2f}")
"""),
    Text(
        ko="""
판정은 `{diagnosis.verdict}`(기울기 소실)이고, 정확도는 {accuracy:.2f}입니다. 진단은 어디에서
얼마나 잃었는지, 무엇이 원인인 듯한지, 무엇을 바꾸면 되는지를 차례로 말합니다(영어로
나옵니다). 첫 번째 조언은 미분값이 기울기를 줄이지 않는 활성화 함수(He 초기화를 쓴 ReLU)로
바꾸는 것입니다. 조언대로 해 봅니다.

**예측:** 정확도는 얼마이겠습니까?
""",
        en="""
The verdict is `{diagnosis.verdict}`, and the accuracy is {accuracy:.2f}. The diagnosis says
where how much is lost, what the likely causes are and what to change. Its first advice is an
activation whose slope does not shrink the gradient, ReLU with He's initialization. Do as it
says.

**Prediction:** what will the accuracy be?
""",
        holds=('diagnosis.verdict == "vanishing"', "accuracy < 0.6"),
    ),
    Code("""
my_accuracy = 0.95
"""),
    Code("""
cured, accuracy = fit("relu", "he_normal")
print(cured)
answer(abs(my_accuracy - accuracy) < 0.05, f"⟦정확도|accuracy⟧ {accuracy:.2f}")
"""),
    Text(
        ko="""
판정은 `{cured.verdict}`(정상), 정확도는 {accuracy:.2f}입니다.

## 더 해 볼 것

- 6단계의 `leaky`를 `"learning_rate": 0.01`로도 해 봅니다. 스텝 수가 그대로이면 어떻게 됩니까?
- 6단계에 `"tanh"`를 넣어 봅니다. 시그모이드와 모양이 비슷한데 왜 다릅니까? `explain_experiment`로
  미분값의 배율을 보십시오.
- 잔차 연결 없는 `relu`의 학습률도 0.01로 낮추어 봅니다. 죽는 신경망이 얼마나 줄어듭니까?
- 여러분의 모델에 `deepxor.GradientMonitor("logdir/my-run")`을 넣고 TensorBoard에서 봅니다.
""",
        en="""
The verdict is `{cured.verdict}`, and the accuracy {accuracy:.2f}.

## Go on from here

- Try `leaky` of step 6 with `"learning_rate": 0.01`, too. What happens if the number of steps
  stays the same?
- Add `"tanh"` to step 6. Its shape is like that of sigmoid: why does it differ? Look at the
  slope factors with `explain_experiment`.
- Lower the learning rate of `relu` without residual connections to 0.01, too. How many
  networks still die?
- Put `deepxor.GradientMonitor("logdir/my-run")` into a model of yours, and see it in
  TensorBoard.
""",
        holds=('cured.verdict == "healthy"', "accuracy > 0.9"),
    ),
    Code(
        """
seconds = time.perf_counter() - START
print(f"⟦실행 시간|this notebook took⟧: {seconds:.0f} s ({os.cpu_count()} ⟦코어|cores⟧)")
""",
        tags=("time",),
    ),
)

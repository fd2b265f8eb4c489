// 페이지의 모든 한국어 글. en.js와 키가 같다.

const number = (value) => value.toLocaleString('ko');

export default {
  code: 'ko',
  title: '기울기 놀이터',
  subtitle: '깊은 신경망이 브라우저에서 XOR을 배웁니다. 기울기는 어디로 갈까요?',
  start: '시작', pause: '멈춤', step: '한 스텝', again: '처음부터',
  startTitle: '시작 또는 멈춤 (스페이스)', stepTitle: '한 스텝 (오른쪽 화살표)',
  againTitle: '같은 시드로 처음부터 (Home)',
  scene: '장면', scenes: {
    own: '직접 고른 설정',
    deep: '10층 × 10유닛: 시그모이드와 ReLU',
    lecture: '강의의 신경망: 10층 × 5유닛',
    playground: '은닉층 하나와 여섯',
    dead: '죽는 ReLU',
    initializer: '너무 큰 가중치와 알맞은 가중치',
    residual: '잔차 연결로 고치기',
    parity: '4비트 패리티',
  },
  problem: '문제', problems: {2: 'XOR', 3: '3비트 패리티', 4: '4비트 패리티'},
  replicas: '한쪽의 신경망 수', seed: '시드', newSeed: '다른 시드',
  stepNow: (step) => `스텝 ${step}`,
  look: '보이는 스텝', latest: '최신',
  dark: '어둡게', light: '밝게',
  sides: {left: '왼쪽 신경망', right: '오른쪽 신경망'},
  activation: '활성화 함수', depth: '은닉층', width: '유닛', initializer: '초기화',
  auto: (name) => `자동: ${name}`,
  learningRate: '학습률', residual: '잔차 연결',
  residualTitle: '은닉층마다 입력을 출력에 더합니다 (잔차 연결)',
  at: (step) => (step === 0 ? '첫 스텝에서' : `스텝 ${number(step)}에서`),
  sentence: {
    vanishes: (at, layer, first, last, parts) =>
      `${at} ${layer}의 기울기는 ${first}, 출력층은 ${last}: ${parts}분의 1만 도착합니다.`,
    arrives: (at, layer, first, last, percent) =>
      `${at} ${layer}의 기울기는 ${first}, 출력층은 ${last}: ${percent}%가 도착합니다.`,
    grows: (at, layer, first, last, times) =>
      `${at} ${layer}의 기울기는 ${first}, 출력층은 ${last}: ${times}배가 도착합니다.`,
    nothing: (at, layer) => `${at} ${layer}에는 아무것도 도착하지 않습니다: 기울기가 정확히 0입니다.`,
    dead: (at) => `${at} 어느 층에도 기울기가 없습니다: 모두 정확히 0입니다.`,
    left: (at, last) => `${at} 출력층의 기울기도 ${last}뿐입니다.`,
    notFinite: (at, layer) => `${at} ${layer}의 기울기가 유한하지 않습니다.`,
  },
  median: (count) => (count === 1 ? '신경망 한 개' : `신경망 ${count}개의 중앙값`),
  zeros: (count) => `그중 ${count}개는 layer1의 기울기가 정확히 0`,
  layersTitle: '입력에서 출력까지 층별 기울기. 층을 누르면 이유를 보여 줍니다.',
  layersHelp: '화살표 키로 층과 유닛을 고르고, Enter로 이유를 봅니다.',
  input: '입력', depthWord: '깊이', outputWord: '출력',
  mapTitle: '기울기 크기, 층 × 스텝',
  profileTitle: (step) => `층별 기울기 크기, 스텝 ${number(step)}`,
  surface: '결정 경계', surfaceTitle: '정사각형 위에서 신경망이 답하는 값: 파랑은 0, 주황은 1',
  costTitle: (value) => `비용 ${value}`,
  chance: 'ln 2',
  network: (index, count) => `신경망 ${index + 1} / ${count}`,
  before: '이전 신경망', next: '다음 신경망',
  solved: (count, all) => `해결: ${all}개 중 ${count}개`,
  dead: (count) => `죽음: ${count}개`,
  diverged: (count) => `발산: ${count}개`,
  dotsTitle: '점 하나가 신경망 하나입니다. 누르면 그 신경망을 보여 줍니다',
  states: {
    learning: '아직', solved: '해결', dead: '죽음', diverged: '발산',
  },
  unit: (layer, unit) => `${layer}의 유닛 ${unit + 1}`,
  answers: (low, high) => (low === high ? `어디서나 ${low}` : `${low}에서 ${high}까지`),
  why: '이유', close: '닫기',
  whyStart: (layer) => `기울기는 ${layer}에서 시작합니다.`,
  whyUnknown: '곱하는 수 가운데 0이거나 유한하지 않은 것이 있습니다.',
  whySentence: (layer, from, change, slopes, weights, hasShortcuts) =>
    `${layer}의 출력은 ${from} 기울기의 ${change} 받습니다: 활성화 함수의 미분값이 ${slopes}, ` +
    `${hasShortcuts ? '가중치와 잔차 연결이' : '가중치가'} ${weights}를 바꿉니다.`,
  parts: (count) => `${count}분의 1을`,
  percent: (count) => `${count}%를`,
  times: (factor) => `${factor}배를`,
  decades: (count) => `${count} 자릿수`,
  slope: '활성화 함수의 미분값', weight: '가중치',
  factor: (name, slope, weight, product, hasShortcuts) =>
    `${name}: 미분값 \u00d7 ${slope}, 가중치${hasShortcuts ? '와 잔차 연결' : ''} ` +
    `\u00d7 ${weight}, 합쳐서 ${product}`,
  numbers: '숫자로 보기',
  legend: {zero: '정확히 0', notFinite: '유한하지 않음', negative: '음의 가중치', positive: '양의 가중치'},
  tensorboard: 'TensorBoard에서 열기',
  tensorboardHelp: '이 명령은 같은 가중치에서 같은 신경망을 학습시키고, 모든 기울기와 히스토그램, ' +
    '그래프를 TensorBoard로 보여 줍니다. deepxor를 설치해야 합니다.',
  copy: '복사', copied: '복사했습니다',
  link: '링크 복사', linkTitle: '이 장면의 주소를 복사합니다',
  about: '이 페이지는?',
  aboutText: [
    '양쪽은 각각 최대 200개의 깊은 신경망을 한꺼번에 학습시킵니다. 설정은 모두 같고 처음 가중치만 다릅니다. ' +
      '스텝마다 역전파가 비용의 기울기를 출력에서 입력 쪽으로 전합니다. 층의 색은 그 층이 받는 기울기의 크기입니다.',
    '층마다 미분값과 가중치가 함께 기울기를 줄이면, 깊은 신경망의 앞쪽 층에는 거의 아무것도 남지 않습니다. ' +
      '이것이 기울기 소실(vanishing gradient)입니다. 그런 층은 거의 배우지 못합니다.',
    '모든 수는 실험실 deepxor의 규칙대로, 같은 처음 가중치에서 배정밀도로 계산합니다. 브라우저 밖으로 나가는 것은 없습니다.',
  ],
  failed: (message) => `학습이 멈췄습니다: ${message}`,
  pausedAt: (step) => `실험실의 학습이 끝나는 스텝 ${number(step)}에서 멈췄습니다. 시작을 누르면 계속합니다.`,
};

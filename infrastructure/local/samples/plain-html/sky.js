// A generator seeded by the day: everyone who looks today sees the same stars.
let seed = Math.floor(Date.now() / 86_400_000);
function random() {
  seed = (seed * 1_664_525 + 1_013_904_223) % 4_294_967_296;
  return seed / 4_294_967_296;
}

const canvas = document.getElementById("sky");
const sky = canvas.getContext("2d");
const dusk = sky.createLinearGradient(0, 0, 0, canvas.height);
dusk.addColorStop(0, "#0b1026");
dusk.addColorStop(1, "#3b2f63");
sky.fillStyle = dusk;
sky.fillRect(0, 0, canvas.width, canvas.height);

for (let star = 0; star < 420; star += 1) {
  const size = random() ** 6 * 3 + 0.6;
  sky.globalAlpha = 0.35 + random() * 0.65;
  sky.fillStyle = random() < 0.15 ? "#ffd9a8" : "#ffffff";
  sky.beginPath();
  sky.arc(random() * canvas.width, random() * canvas.height, size, 0, Math.PI * 2);
  sky.fill();
}

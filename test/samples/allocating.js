// Serves made-up requests: every answer is rendered and dropped, every session is kept.
const sessions = new Map();

function loadProfile(user) {
  return { user, roles: ['reader', 'writer'], avatar: new Array(1000).fill(user) };
}

function remember(user) {
  sessions.set(user, { profile: loadProfile(user), history: Array.from({ length: 20 }, (_, n) => `/page/${n}/${user}`) });
}

function render(user) {
  const rows = Array.from({ length: 50 }, (_, n) => ({ id: n, title: `row ${n} of ${user}` }));
  return JSON.stringify({ user, rows });
}

function handle(user) {
  if (!sessions.has(user)) remember(user);
  return render(user).length;
}

console.log('serving');
let user = 0;
setInterval(() => {
  for (let i = 0; i < 20; i++) handle(++user);
}, 20);

// The shop's counter: every request is one more visit, kept in redis. Speaks to the store by its
// own protocol (RESP), so that the image needs no npm packages.
const http = require('node:http');
const net = require('node:net');

const { STORE_SERVICE_HOST, STORE_SERVICE_PORT = '6379', STORE_PASSWORD = '' } = process.env;
const { POD_NAME = 'api', GREETING = 'Welcome aboard' } = process.env;
const TIMEOUT_MS = 2000;

/** One command on a connection of its own; rejects on an error reply or after a while. */
function ask(...words) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(STORE_SERVICE_PORT), STORE_SERVICE_HOST);
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('the store does not answer')));
    socket.on('error', reject);
    const commands = [['AUTH', STORE_PASSWORD], words];
    socket.write(commands.map(encode).join(''));
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
      const replies = text.split('\r\n');
      if (replies.length <= commands.length) return;
      socket.end();
      const failed = replies.find((reply) => reply.startsWith('-'));
      if (failed) reject(new Error(failed.slice(1)));
      else resolve(replies[1].slice(1));
    });
  });
}

const encode = (words) =>
  `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;

const server = http.createServer(async (request, response) => {
  const web = request.headers['x-web-pod'] ?? 'nobody';
  try {
    const visit = await ask('INCR', 'visits');
    response.end(`${GREETING}! Visit ${visit}, served by ${web} and ${POD_NAME}\n`);
  } catch (error) {
    response.writeHead(503).end(`the store is away: ${error.message}\n`);
  }
});
server.listen(8080, () => console.log(`${POD_NAME} listens on 8080`));
process.on('SIGTERM', () => server.close(() => process.exit(0)));

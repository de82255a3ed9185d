// An agent without a terminal, in a home and a folder of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export class Agent {
  /** `command` is a shell's; the folders `programs` are on its PATH. */
  constructor(command, programs, env = {}) {
    this.command = command;
    this.home = mkdtempSync(join(tmpdir(), 'fathom-agent-'));
    this.folder = join(this.home, 'work');
    mkdirSync(this.folder);
    this.env = { PATH: [...programs, process.env.PATH].join(':'), HOME: this.home, NO_COLOR: '1', ...env };
  }

  /** Writes a file; its path begins in the home. */
  write(path, text) {
    const file = join(this.home, path.replace(/^~\//, ''));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  }

  /** Starts it with more arguments. What it prints comes to be in the `printed` of the process. */
  start(args, seconds) {
    const agent = spawn('bash', ['-c', `${this.command} "$@"`, 'bash', ...args],
      { cwd: this.folder, stdio: ['ignore', 'pipe', 'pipe'], timeout: 1000 * seconds, env: this.env });
    agent.printed = agent.complaints = '';
    agent.stdout.on('data', (bytes) => { agent.printed += bytes; });
    agent.stderr.on('data', (bytes) => { agent.complaints += bytes; });
    agent.closed = once(agent, 'close').then(([code]) => code);
    return agent;
  }

  /** Runs it to its end and returns what it printed. */
  async run(args, seconds = 280) {
    const agent = this.start(args, seconds);
    const code = await agent.closed;
    if (code !== 0) throw new Error(`${this.command}: exit code ${code}\n${agent.printed}${agent.complaints}`);
    return agent.printed;
  }

  remove() { rmSync(this.home, { recursive: true }); }
}

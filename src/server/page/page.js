// Puts the page together: keys, buttons, the key dialog, settings.
import { readKey, writeKey } from './api.js';
import { Chat } from './chat.js';
import { Announcer, find, setText } from './dom.js';
import { LiveView } from './live.js';

const kWide = matchMedia('(min-width: 60rem)');

class SettingsError extends Error {}

/** The tools of the text field, in the form of chat completions. */
function readTools() {
  const text = find('tools').value.trim();
  if (!text) return [];
  let tools;
  try {
    tools = JSON.parse(text);
  } catch (error) {
    throw new SettingsError(`The tools are not JSON: ${error.message}.`);
  }
  if (!Array.isArray(tools)) throw new SettingsError('The tools are not a JSON list.');
  return tools.map((tool) => (tool?.function ? tool : { type: 'function', function: tool }));
}

function readSettings() {
  const tools = readTools();
  const temperature = find('temperature');
  if (!temperature.checkValidity())
    throw new SettingsError('The temperature is not a number from 0 to 2.');
  return {
    system: find('system').value.trim(),
    reasoning_effort: find('thinking').value,
    ...(tools.length > 0 && { tools }),
    ...(temperature.value !== '' && { temperature: temperature.valueAsNumber }),
  };
}

/** Whether the settings can be sent; if not, it says why. */
function checkSettings() {
  const error = find('settings-error');
  error.hidden = true;
  try {
    readSettings();
    return true;
  } catch (thrown) {
    if (!(thrown instanceof SettingsError)) throw thrown;
    setText(error, thrown.message);
    error.hidden = false;
    expand('settings', true);
    return false;
  }
}

function expand(id, open) {
  find(id).hidden = !open;
  find(`${id}-toggle`).setAttribute('aria-expanded', String(open));
}

const message = find('message');
const chat = new Chat(find('log'), new Announcer(find('announcer')), {
  read: readSettings,
  onChange: showChat,
  onUnauthorized: () => askForKey(),
});
const live = new LiveView(showState);

function showChat() {
  const had = document.activeElement;
  find('send').hidden = chat.isAnswering;
  find('send').disabled = !chat.isFree;
  find('stop').hidden = !chat.isAnswering;
  message.placeholder = chat.waitsForResults ? 'The call above waits for its result' : 'Message';
  // A button that disappears leaves the focus nowhere.
  if (had === find('send') && chat.isAnswering) find('stop').focus();
  if (had === find('stop') || document.activeElement === document.body)
    if (!chat.isAnswering && chat.isFree) message.focus();
}

function showState(error, report) {
  const state = find('state');
  state.dataset.state = error ? 'bad' : 'good';
  setText(state, error ? error.message : 'ready');
  if (error?.status === 401) askForKey();
  if (!report) return;
  setText(find('model'), report.model);
  setText(find('live-count'), formatLiveCount(report));
}

const formatLiveCount = ({ running, waiting_count }) =>
  waiting_count > 0 ? `${running.length} + ${waiting_count}` : String(running.length);

function askForKey() {
  find('key-button').hidden = false;
  const dialog = find('key-dialog');
  if (dialog.open) return;
  find('key-error').hidden = readKey() === null;
  setText(find('key-error'), 'The server did not take the last key.');
  find('key').value = '';
  dialog.showModal();
}

function send() {
  const text = message.value;
  if (!text.trim() || !chat.isFree || !checkSettings()) return;
  find('welcome')?.remove();
  message.value = '';
  chat.say(text);
}

find('composer').addEventListener('submit', (event) => {
  event.preventDefault();
  send();
});
message.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  send();
});
find('tools').addEventListener('change', checkSettings);
find('temperature').addEventListener('change', checkSettings);
find('stop').addEventListener('click', () => chat.stop());
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && !event.isComposing && !find('key-dialog').open) chat.stop();
});
find('new-chat').addEventListener('click', () => {
  chat.clear();
  message.focus();
});
for (const id of ['settings', 'live'])
  find(`${id}-toggle`).addEventListener('click', () => expand(id, find(id).hidden));

find('key-button').addEventListener('click', () => askForKey());
find('key-cancel').addEventListener('click', () => find('key-dialog').close());
find('key-form').addEventListener('submit', (event) => {
  event.preventDefault();
  writeKey(find('key').value);
  find('key-dialog').close();
  message.focus();
  live.resume();
});

expand('live', kWide.matches);
kWide.addEventListener('change', () => expand('live', kWide.matches));
live.resume();

// The mailbox is proved in this tab. Which tab returns to the client? The one that waits, if it is alive: clients often
// keep their state per tab.
const ANSWER_WITHIN_MS = 1000;

const { resumeUrl, channel: channelName, finishIn } = document.querySelector('[data-proved]').dataset;

if (finishIn === 'link') {
  goOn();
} else {
  const channel = new BroadcastChannel(channelName);
  if (finishIn === 'waiting') {
    channel.postMessage({ type: 'proved' });
  } else {
    askWaitingTab(channel);
  }
}

function askWaitingTab(channel) {
  const nobody = setTimeout(() => {
    channel.close();
    goOn();
  }, ANSWER_WITHIN_MS);
  channel.addEventListener('message', (event) => {
    if (event.data?.type !== 'alive') return;
    clearTimeout(nobody);
    channel.postMessage({ type: 'proved' });
    channel.close();
    document.querySelector('[data-going-on]').hidden = true;
    const goBack = document.querySelector('[data-go-back]');
    goBack.textContent = goBack.dataset.text;
  });
  channel.postMessage({ type: 'alive?' });
}

function goOn() {
  location.assign(resumeUrl);
}

/** The recording of allocation stacks can be begun and ended in two places; each looks again when the other has acted. */
import { defineStore } from 'pinia';
import { ref } from 'vue';

export const useStackRecordingStore = defineStore('stack-recording', () => {
  const revision = ref(0);
  return { revision, changed: () => void revision.value++ };
});

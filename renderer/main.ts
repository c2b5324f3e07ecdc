import { createPinia } from 'pinia';
import { createApp } from 'vue';
import App from './App.vue';
import { openChannel } from './host/connect.ts';
import { createWorkbench, workbenchKey } from './host/workbench.ts';
import './styles/base.css';
import './styles/light.css';
import './styles/dark.css';

const workbench = createWorkbench(openChannel);
createApp(App).provide(workbenchKey, workbench).use(createPinia()).mount('#app');

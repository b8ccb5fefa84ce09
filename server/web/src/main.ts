import { mount } from 'svelte';
import { App } from './app/app.svelte';
import Shell from './app/Shell.svelte';
import './app/app.css';

const target = document.getElementById('app');
if (target) {
  const app = new App();
  mount(Shell, { target, props: { app } });
}

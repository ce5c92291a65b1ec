import { createRoot } from 'react-dom/client';
import { App } from './app';
import { keepFocus } from './keep-focus';
import './styles.css';

const element = document.getElementById('console');
if (element) {
  keepFocus(element);
  createRoot(element).render(<App />);
}

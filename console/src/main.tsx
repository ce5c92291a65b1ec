import { createRoot } from 'react-dom/client';
import { App } from './app';
import './styles.css';

const element = document.getElementById('console');
if (element) createRoot(element).render(<App />);

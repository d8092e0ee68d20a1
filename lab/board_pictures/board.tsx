// Draws one dashboard with Grafana's own panel components, from what __main__.py asked a Prometheus.
// Grafana publishes no component for `state-timeline`: those bands are drawn here, coloured by the dashboard's own
// mappings. What the panel plugins add around the components (their defaults) is repeated here.
import {
  applyFieldOverrides, cacheFieldDisplayNames, createTheme, dateTime, Field, FieldType, getFieldDisplayName,
  getDisplayValueAlignmentFactors, getFieldDisplayValues, Registry, standardTransformers, standardTransformersRegistry, ThemeContext, toDataFrame,
  transformDataFrame,
} from '@grafana/data';
import { BarGauge, BigValue, GlobalStyles, PanelChrome, PanelContextProvider, TimeSeries, VizRepeater } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { firstValueFrom } from 'rxjs';

const CELL = 30; // Grafana's GRID_CELL_HEIGHT
const GAP = 8;
const WIDTH = 1600;
const board = (window as any).BOARD;
const theme = createTheme({ colors: { mode: board.theme } });
const timeRange = {
  from: dateTime(board.from * 1000), to: dateTime(board.to * 1000),
  raw: { from: dateTime(board.from * 1000), to: dateTime(board.to * 1000) },
};

const COLOUR: any = {
  timeseries: { mode: 'palette-classic' }, stat: { mode: 'thresholds' }, bargauge: { mode: 'thresholds' },
  table: { mode: 'thresholds' }, 'state-timeline': { mode: 'thresholds' },
};
const CUSTOM: any = {
  timeseries: {
    drawStyle: 'line', lineInterpolation: 'linear', gradientMode: 'none', pointSize: 5, barAlignment: 0,
    barWidthFactor: 0.6, axisPlacement: 'auto', axisColorMode: 'text', scaleDistribution: { type: 'linear' },
    stacking: { mode: 'none', group: 'A' }, thresholdsStyle: { mode: 'off' }, hideFrom: {},
  },
};

const plain = (value: any) => value;
const property = (id: string) => ({
  id, path: id.replace('custom.', ''), name: id, isCustom: id.startsWith('custom.'), settings: {},
  process: plain, override: plain, shouldApply: () => true, editor: () => null,
});

function properties(config: any): any {
  const custom = Object.keys(config.defaults.custom).map((key) => `custom.${key}`);
  const overridden = config.overrides.flatMap((one: any) => one.properties.map((set: any) => set.id));
  const ids = new Set(['unit', 'mappings', 'thresholds', 'color', 'min', 'decimals', 'noValue', ...custom, ...overridden]);
  return new Registry(() => [...ids].map(property) as any);
}

function legend(text: string, labels: any): string {
  return text.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => labels[label] ?? '') || labels.__name__;
}

function overTime(target: any): any[] {
  return target.result.map((series: any) => ({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, config: { interval: board.step * 1000 },
        values: series.values.map((at: any) => at[0] * 1000) },
      { name: 'Value', type: FieldType.number, labels: series.metric,
        config: { displayNameFromDS: legend(target.legend, series.metric) },
        values: series.values.map((at: any) => Number(at[1])) },
    ],
  }));
}

function asTable(target: any, alone: boolean): any {
  const names = [...new Set(target.result.flatMap((one: any) => Object.keys(one.metric)))].sort() as string[];
  const labels = names.map((name) => ({
    name, type: FieldType.string, config: {}, values: target.result.map((one: any) => one.metric[name] ?? ''),
  }));
  return {
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, config: {}, values: target.result.map((one: any) => one.values[0][0] * 1000) },
      ...labels,
      { name: alone ? 'Value' : `Value #${target.refId}`, type: FieldType.number, config: {},
        values: target.result.map((one: any) => Number(one.values[0][1])) },
    ],
  };
}

async function frames(panel: any): Promise<any[]> {
  const kind = panel.type;
  const alone = panel.targets.length === 1;
  const answered = panel.targets.filter((target: any) => target.result.length);
  const raw = kind === 'table' ? answered.map((one: any) => asTable(one, alone)) : answered.flatMap(overTime);
  const data = await firstValueFrom(transformDataFrame(panel.transformations ?? [], raw.map(toDataFrame)));
  const given = panel.fieldConfig;
  const defaults = { color: COLOUR[kind], ...given.defaults, custom: { ...CUSTOM[kind], ...given.defaults.custom } };
  const fieldConfig = { defaults, overrides: given.overrides };
  const shown = applyFieldOverrides({
    data, fieldConfig, theme, replaceVariables: plain, fieldConfigRegistry: properties(fieldConfig), timeZone: 'utc',
  });
  cacheFieldDisplayNames(shown);
  return shown;
}

function values(panel: any, data: any[]): any[] {
  const found = getFieldDisplayValues({
    fieldConfig: panel.fieldConfig, reduceOptions: panel.options.reduceOptions, replaceVariables: plain as any, theme,
    data, sparkline: false, timeZone: 'utc',
  });
  if (found.length === data.length) {
    found.forEach((one, at) => { one.display.title = getFieldDisplayName(data[at].fields[1], data[at]); });
  }
  return found;
}

function Stat({ panel, data, width, height }: any) {
  const { colorMode, graphMode, justifyMode, textMode, wideLayout, orientation } = panel.options;
  const draw = ({ value, width, height, count, alignmentFactors }: any) => (
    <BigValue {...{ colorMode, graphMode, justifyMode, textMode, wideLayout, count, alignmentFactors, width, height, theme }}
      value={value.display} />
  );
  return <VizRepeater autoGrid renderCounter={0} getAlignmentFactors={getDisplayValueAlignmentFactors} source={data} getValues={() => values(panel, data)} renderValue={draw}
    {...{ width, height, orientation }} />;
}

function Ranking({ panel, data, width, height }: any) {
  const { displayMode, orientation, showUnfilled, valueMode } = panel.options;
  const draw = ({ value, width, height, alignmentFactors }: any) => (
    <BarGauge {...{ width, height, orientation, displayMode, showUnfilled, alignmentFactors, theme }} value={value.display}
      field={value.field} display={value.view?.getFieldDisplayProcessor(value.colIndex)} valueDisplayMode={valueMode}
      itemSpacing={2} lcdCellWidth={12} />
  );
  return <VizRepeater renderCounter={0} source={data} getValues={() => values(panel, data)} renderValue={draw}
    getAlignmentFactors={getDisplayValueAlignmentFactors} minVizHeight={16} maxVizHeight={300} itemSpacing={10} {...{ width, height, orientation }} />;
}

function Bands({ data, width, height }: any) {
  const left = 190;
  const row = Math.min((height - 20) / data.length, 40);
  const x = (time: number) => left + ((time / 1000 - board.from) / (board.to - board.from)) * (width - left);
  const ticks = [0, 1, 2, 3, 4].map((part) => (board.from + ((board.to - board.from) * (part + 0.5)) / 5) * 1000);
  return (
    <svg width={width} height={height} fontSize={12} fontFamily={theme.typography.fontFamily}>
      {data.map((frame: any, line: number) => {
        const [time, value] = frame.fields as Field[];
        return (
          <g key={line} transform={`translate(0 ${line * row})`}>
            <text x={left - 8} y={row * 0.6} textAnchor="end" fill={theme.colors.text.primary}>
              {value.config.displayNameFromDS}
            </text>
            {runs(time.values, value.values).map(([begin, end, state]) => {
              const shown = value.display!(state);
              const wide = x(end) - x(begin);
              return (
                <g key={begin}>
                  <rect x={x(begin)} y={row * 0.1} width={wide} height={row * 0.8} fill={shown.color} fillOpacity={0.8} />
                  {wide > 8 * shown.text.length + 8 && (
                    <text x={x(begin) + 6} y={row * 0.6} fill={theme.colors.getContrastText(shown.color!)}>{shown.text}</text>
                  )}
                </g>
              );
            })}
          </g>
        );
      })}
      {ticks.map((tick) => (
        <text key={tick} x={x(tick)} y={height - 4} textAnchor="middle" fill={theme.colors.text.primary}>
          {dateTime(tick).utc().format('HH:mm:ss')}
        </text>
      ))}
    </svg>
  );
}

function runs(times: number[], states: number[]): number[][] {
  const found: number[][] = [];
  times.forEach((time, index) => {
    const last = found[found.length - 1];
    const until = time + board.step * 1000;
    if (last && last[1] === time && last[2] === states[index]) last[1] = until;
    else found.push([time, until, states[index]]);
  });
  return found;
}

function Graph({ panel, data, width, height }: any) {
  return <TimeSeries frames={data} timeRange={timeRange as any} timeZone="utc" legend={panel.options.legend}
    options={{}} {...{ width, height }} />;
}

function Rows({ panel, data, width, height }: any) {
  return <TableNG data={data[0]} cellHeight={'sm' as any} structureRev={1} initialSortBy={panel.options.sortBy}
    {...{ width, height } as any} />;
}

const DRAW: any = { stat: Stat, bargauge: Ranking, 'state-timeline': Bands, timeseries: Graph, table: Rows };

function Panel({ panel, data }: any) {
  const Draw = DRAW[panel.type];
  const { w, h } = panel.gridPos;
  const size = { width: (WIDTH / 24) * w - GAP, height: CELL * h + GAP * (h - 1) };
  return (
    <PanelChrome title={panel.title} {...size}>
      {(width, height) => data.length ? <Draw {...{ panel, data, width, height }} /> : <Nothing words={panel.fieldConfig.defaults.noValue} {...{ width, height }} />}
    </PanelChrome>
  );
}

function Nothing({ words, width, height }: any) {
  const style: any = { width, height, display: 'flex', alignItems: 'center', justifyContent: 'center' };
  return <div style={{ ...style, color: theme.colors.text.secondary }}>{words ?? 'No data'}</div>;
}

function Caption() {
  const [settled, settle] = useState(false);
  useEffect(() => {
    setTimeout(() => settle(true), 1500);
  }, []);
  const bands = board.panels.some((panel: any) => panel.type === 'state-timeline');
  const words = `${board.title}: live data of a test chain, drawn with Grafana's panel components`
    + (bands ? '; bands over time are drawn by chainwarden, Grafana publishes no component for them' : '');
  const style: any = { position: 'absolute', bottom: 0, left: GAP, lineHeight: '36px', color: theme.colors.text.secondary };
  return settled ? <div style={style}>{words}</div> : null;
}

function Page({ drawn }: any) {
  const place = ({ x, y }: any): any => ({
    position: 'absolute', left: (WIDTH / 24) * x + GAP / 2, top: y * (CELL + GAP) + GAP,
  });
  return (
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <PanelContextProvider value={{ eventsScope: 'global', eventBus: { subscribe: () => ({ unsubscribe: plain }),
        getStream: () => ({ subscribe: () => ({ unsubscribe: plain }), pipe: () => ({ subscribe: () => ({ unsubscribe: plain }) }) }),
        publish: plain } } as any}>
        <div style={{ position: 'relative', width: WIDTH, height: board.height * (CELL + GAP) + 40 }}>
          <Caption />
          {drawn.map(({ panel, data }: any) => (
            <div key={panel.id} style={place(panel.gridPos)}>
              {panel.type === 'row'
                ? <div style={{ ...theme.typography.h5, lineHeight: `${CELL}px` }}>{panel.title}</div>
                : <Panel {...{ panel, data }} />}
            </div>
          ))}
        </div>
      </PanelContextProvider>
    </ThemeContext.Provider>
  );
}

const { mergeTransformer, organizeFieldsTransformer } = standardTransformers;
standardTransformersRegistry.setInit(() => [mergeTransformer, organizeFieldsTransformer].map(
  (one: any) => ({ id: one.id, name: one.id, transformation: async () => one })) as any);
Promise.all(board.panels.map(async (panel: any) => ({ panel, data: panel.type === 'row' ? [] : await frames(panel) })))
  .then((drawn) => createRoot(document.getElementById('root')!).render(<Page drawn={drawn} />));
